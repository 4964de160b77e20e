/** content_types: a verdict for messages by the types of their parts. RFC 2045 5, RFC 2046. */
import * as field from "../../config/fields.ts";
import { nowhere, readCodeIndex } from "../../files/code-index.ts";
import type { CodeIndex } from "../../files/code-index.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { longestHeader } from "../../files/patterns.ts";
import { parseCode, refuseBy } from "../../hooks/code-words.ts";
import type { Code } from "../../hooks/code-words.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";
import type { MimePart, MimeTree } from "../../message/mime.ts";

const usual = "Content type not accepted here";
const tooMany = refuse("parts", reply(554, "5.6.0", "Message has too many parts"));

/** In front of a file name, so that it is not taken for a type. */
const namePrefix = "name:";

/** `*` and `?` as in a shell become a regular expression. */
function withoutGlob(entry: ListEntry): ListEntry {
  const [word = ""] = /^\S+/.exec(entry.text) ?? [];
  if (word.startsWith("/") || !/[*?]/.test(word)) {
    return entry;
  }
  const pattern = word
    .split(/([*?])/)
    .filter((piece) => piece !== "")
    .map((piece) => (piece === "*" ? ".*" : piece === "?" ? "." : `\\Q${piece}\\E`))
    .join("");
  return { ...entry, text: `/^${pattern}$/${entry.text.slice(word.length)}` };
}

function readTypes(entries: readonly ListEntry[], skip: Remark, names: boolean): CodeIndex<Code> {
  const usable = entries.filter((entry) => {
    const isName = entry.text.toLowerCase().startsWith(namePrefix);
    if (isName && !names) {
      skip(entry, "can never match: file names are checked only with names = true");
    }
    return !isName || names;
  });
  return readCodeIndex(usable.map(withoutGlob), skip, {
    longest: longestHeader,
    code: parseCode,
    subject: (word) => word.toLowerCase(),
  });
}

/** What the lines are tried on. */
function subjectsOf({ type, filename, name }: MimePart, names: boolean): string[] {
  const given = names ? [filename, name].filter((one) => one !== undefined) : [];
  return [type, ...given.map((one) => `${namePrefix}${one.trim().toLowerCase()}`)];
}

export const content_types: CheckDefinition = defineCheck({
  name: "content_types",
  doc: "Gives messages the verdict that a list has for the declared types of their parts: accept, refuse or defer. Messages within messages are checked too. A message with more than 1000 parts or 100 levels is refused, unless a line decides for one of the first.",
  original:
    "qpsmtpd plugin content_types, whose source is lost: every part, in order, is compared with the lines. The form of the lines, the limits, `names` and the texts are goodmailto's own choices.",
  failure: "An empty or missing list decides nothing.",
  stage: "policy",
  hooks: ["message"],
  needs: "tap",
  settings: {
    file: field.listFile(
      "The list: one type per line, such as application/x-msdownload, with * and ? as in file names (application/x-ms*), or one Perl regular expression between slashes, followed by a code and the text of the reply. Case does not matter. Codes: OK, DONE and DECLINED (no verdict, later lines are not tried), DENY, DENYSOFT, DENY_DISCONNECT, DENYHARD (the same), DENYSOFT_DISCONNECT.",
      "content_types",
    ),
    order: field.choice(
      ["part", "line"],
      "part",
      "part: the first part for which there is a line decides, as in qpsmtpd; with text/plain OK at the top, a message that begins with text is accepted whatever follows. line: the first line that matches any part decides.",
    ),
    names: field.flag(
      false,
      "Check file names too: the lines are also tried on name:FILENAME, such as name:*.exe. Regular expressions are tried on both.",
    ),
  },
  reasons: { type: "content type is listed", parts: "too many parts" },
  unless: immune,
  create({ file, order, names }, { lists }) {
    const listed = lists.list(file, (entries, skip) => readTypes(entries, skip, names));
    const verdictOn = ({ parts, incomplete }: MimeTree) => {
      const { lines, placeOf } = listed.current();
      const placeOfPart = (part: MimePart): number => Math.min(...subjectsOf(part, names).map(placeOf));
      const places = parts.map(placeOfPart).filter((place) => place !== nowhere);
      const first = order === "part" ? places[0] : places.sort((one, other) => one - other)[0];
      const line = first === undefined ? undefined : lines[first];
      if (line === undefined) {
        return incomplete ? tooMany : pass;
      }
      return line.code.kind === "refuse" ? refuseBy(line.code, "message", "type", "7.1", line.text || usual) : pass;
    };
    return {
      tap(_session, message) {
        if (listed.current().lines.length === 0) {
          return undefined;
        }
        const tree = message.parts();
        return { take: () => undefined, end: async () => verdictOn(await tree) };
      },
    };
  },
});
