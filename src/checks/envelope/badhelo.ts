/** badhelo: names in HELO and EHLO that are refused; qpsmtpd's check_spamhelo, and the badhelo of qmail's patches. */
import * as field from "../../config/fields.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { longestHelo, patternsFor } from "../../files/patterns.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";

/** Names that are equal, and tests of names. */
interface Names {
  readonly exact: ReadonlySet<string>;
  readonly tests: readonly ((name: string) => boolean)[];
}

/** qpsmtpd 0.94's sign of a pattern. */
const signs = /[{}[\]()^$|*+?\\!]/;

function readNames(entries: readonly ListEntry[], skip: Remark, patterns: boolean): Names {
  const compile = patternsFor({ longest: longestHelo });
  const exact = new Set<string>();
  const tests: ((name: string) => boolean)[] = [];
  for (const entry of entries) {
    const { text } = entry;
    if (!patterns || !signs.test(text)) {
      exact.add(foldAscii(text));
      continue;
    }
    const isNegated = text.startsWith("!");
    const pattern = compile(isNegated ? text.slice(1) : text);
    if ("fault" in pattern) {
      skip(entry, pattern.fault);
    } else {
      tests.push((name) => pattern.matches(name) !== isNegated);
    }
  }
  return { exact, tests };
}

export const badhelo: CheckDefinition = defineCheck({
  name: "badhelo",
  doc: "Refuses HELO and EHLO with 550 if the name is in a list. The client may try another name.",
  original: "qpsmtpd plugin check_spamhelo of 0.40 (0.94: helo), and the badhelo of qmail's patches.",
  failure: "An empty or missing list refuses nobody.",
  stage: "policy",
  hooks: ["helo"],
  settings: {
    file: field.listFile("The list: one name per line. Case does not matter.", "badhelo"),
    patterns: field.flag(
      false,
      "true: an entry with one of { } [ ] ( ) ^ $ | * + ? \\ ! is a regular expression, matched against the name in lower case, as in qpsmtpd 0.94. With ! in front, every name that does not match is refused.",
    ),
  },
  reasons: { listed: "bad helo" },
  unless: immune,
  create({ file, patterns }, { lists }) {
    const listed = lists.list(file, (entries, skip) => readNames(entries, skip, patterns));
    return {
      helo({ variables }) {
        const { exact, tests } = listed.current();
        const said = variables.get("SMTPHELOHOST") ?? "";
        const name = foldAscii(said);
        const isBad = exact.has(name) || tests.some((test) => test(name));
        return isBad ? refuse("listed", reply(550, "5.7.1", `Sorry, I don't believe that you are ${said}.`)) : pass;
      },
    };
  },
});
