/** `npm run new-check FAMILY/NAME`: writes a check, its test and its dialogue, and prints registry, docs and sample. */
import { readName, writeNew } from "./write-new.ts";

const [family = "", name = ""] = readName(
  /^([a-z]+)\/([a-z][a-z0-9_]*)$/,
  "new-check FAMILY/NAME, as client/badcountry",
);

const check = `/** ${name}: one sentence on what it refuses, from which RFC or original. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";

const refused = refuse("listed", reply(550, "5.7.1", "Local policy refuses this name"));

export const ${name}: CheckDefinition = defineCheck({
  name: "${name}",
  doc: "Refuses clients that greet with one of these names.",
  original: "None: an example to begin with.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["helo"],
  settings: { names: field.list([], "Names that are refused.") },
  reasons: { listed: "name in HELO is listed" },
  unless: ["relay client", "authenticated"],
  create({ names }) {
    const listed = new Set(names.map(foldAscii));
    return { helo: ({ variables }) => (listed.has(foldAscii(variables.get("SMTPHELOHOST") ?? "")) ? refused : pass) };
  },
});
`;
const test = `/** What ${name} refuses, and what it passes. */
import { describe, expect, it } from "vitest";

import { ${name} } from "../../../src/checks/${family}/${name}.ts";
import { asPrinted, makeSession, startCheck } from "../fixture.ts";

describe("${name}", () => {
  it("refuses a listed name, whatever its letter case, and no other", async () => {
    const check = startCheck(${name}, { names: ["bad.example"] });
    const ask = async (helo: string): Promise<string> =>
      asPrinted((await check.helo?.(makeSession({ SMTPHELOHOST: helo }))) ?? { kind: "drop" });
    expect(await ask("BAD.example")).toBe("E550 5.7.1 Local policy refuses this name");
    expect(await ask("good.example")).toBe("");
  });
});
`;
const dialogue = `A listed name is refused at EHLO, and a better one is taken.

=== config
[checks]
run = ["${name}", "goodmailto"]
[checks.${name}]
names = ["bad.example"]
=== snapshot
vera
=== dialogue
S...
C: EHLO BAD.example
S: 550 5.7.1 Local policy refuses this name
C: EHLO good.example
S...
C: MAIL FROM:<a@far.test>
S: 250 2.1.0 Sender OK
`;

writeNew(
  {
    [`src/checks/${family}/${name}.ts`]: check,
    [`test/checks/${family}/${name}.test.ts`]: test,
    [`test/dialogs/checks/${name}.dialog`]: dialogue,
  },
  "src/checks/registry.ts, docs/checks.md, config/goodmailto.toml",
);
