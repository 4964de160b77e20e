/** `npm run new-preset NAME`: writes a preset for a directory and its test, and prints registry, names, docs and sample. */
import { camelCase, readName, writeNew } from "./write-new.ts";

const [name = ""] = readName(/^([a-z][a-z0-9]*(?:-[a-z0-9]+)*)$/, "new-preset NAME, as apacheds");
const identifier = camelCase(name);

const preset = `/** ${name}: the product, and what is special about its directory. */
import { definePreset } from "./preset.ts";

export const ${identifier} = definePreset({
  name: "${name}",
  about: {
    product: "${name}",
    objects: "inetOrgPerson, groupOfNames",
    addresses: "mail, mailAlternateAddress",
    leftOut: "mailStatus disabled",
  },
  signs: { classes: ["${name.replaceAll("-", "")}account"], vendor: /${name}/i },
  filter: "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))",
  addresses: [
    { attribute: "mail", form: "address", kind: "account" },
    { attribute: "mailalternateaddress", form: "address", kind: "alias" },
  ],
  classes: { groupofnames: "group" },
  exclusions: [{ attribute: "mailstatus", values: ["disabled"], why: "disabled" }],
  changes: "modifyTimestamp",
});
`;
const test = `/** What the preset ${name} makes of a directory: every object and attribute of its table, in an LDIF export. */
import { describe, expect, it } from "vitest";

import { readLdif } from "../reading.ts";

describe("the preset ${name}", () => {
  it("takes the addresses of its objects, and of no others", async () => {
    const { found, skipped } = await readLdif(
      { preset: "${name}" },
      \`dn: uid=anna,o=Kontor
objectClass: inetOrgPerson
mail: Anna@kontor.example
mailAlternateAddress: as@kontor.test
telexNumber: 12345

dn: cn=team,o=Kontor
objectClass: groupOfNames
mail: team@kontor.example

dn: uid=bert,o=Kontor
objectClass: inetOrgPerson
mail: bert@kontor.example
mailStatus: disabled

dn: cn=printer,o=Kontor
objectClass: device
mail: printer@kontor.example
\`,
    );
    expect(Object.fromEntries(found.map(({ key, kind }) => [key, kind]))).toEqual({
      "anna@kontor.example": "account",
      "as@kontor.example": "alias",
      "team@kontor.example": "group",
    });
    expect(skipped).toEqual({ disabled: 1 });
  });
});
`;

writeNew(
  { [`sync/presets/${name}.ts`]: preset, [`test/sync/presets/${name}.test.ts`]: test },
  "sync/presets/registry.ts, src/config/preset-names.ts, docs/directories.md, config/goodmailto.toml",
);
