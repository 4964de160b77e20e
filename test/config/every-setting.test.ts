/** Walks over all settings of the schema and gives each a value of every wrong type: no message may need the source to be understood. */
import { describe, expect, it } from "vitest";
import type * as z from "zod";

import { schema, schemaFor } from "../../src/compose/settings.ts";
import { fieldMeta } from "../../src/config/fields.ts";
import { checkConfig } from "../../src/config/load.ts";
import { definitionOf, elementOf, shapeOf } from "../../src/config/shape.ts";
import { formatFault } from "../../src/config/toml.ts";
import { tomlValue } from "../../src/config/toml-value.ts";

interface Setting {
  /** `[smtp]` or `[[route]]`. */
  readonly header: string;
  /** What the section must have beside it. */
  readonly beside: readonly string[];
  readonly key: string;
  readonly type: z.ZodType;
}

function settingsIn(type: z.ZodType, path: readonly string[], repeated: boolean): Setting[] {
  const children = Object.entries(shapeOf(type) ?? {});
  const required = children.filter(([, child]) => fieldMeta(child)?.required === true);
  const dotted = path.join(".");
  return children.flatMap(([key, child]) => {
    if (fieldMeta(child) === undefined) {
      const element = elementOf(child);
      return settingsIn(element ?? child, [...path, key], element !== undefined);
    }
    const beside = required.filter(([other]) => other !== key);
    const lines = beside.map(([other, one]) => `${other} = ${tomlValue(fieldMeta(one)?.sample)}`);
    // The section that needs one of two, and the setting that needs another.
    const one =
      dotted === "publish" && key !== "to" && key !== "command"
        ? ['to = "/mnt/dmz"']
        : dotted === "checks.challenge" && key === "mode"
          ? ['from = "robot@kontor.example"']
          : [];
    return [{ header: repeated ? `[[${dotted}]]` : `[${dotted}]`, beside: [...lines, ...one], key, type: child }];
  });
}

const all = settingsIn(schema, [], false);
const wrong = [
  "5",
  "-1",
  "0.5",
  "true",
  '"no such thing\\u0001"',
  "2020-01-01",
  "[5]",
  '[["x"]]',
  "{ x = 1 }",
  "[{ x = 1 }]",
  "inf",
];

function faultsOf(text: string): string[] {
  const loaded = checkConfig(text, "c.toml", schemaFor, []);
  return loaded.kind === "ok" ? [] : loaded.faults.map(formatFault);
}

describe("every setting", () => {
  it("is found by the walk", () => {
    expect(all.length).toBeGreaterThan(100);
    expect(all.map(({ header, key }) => `${header} ${key}`)).toEqual(
      expect.arrayContaining(["[smtp] listen", "[[source]] filter", "[[route]] next_hop", "[checks.rblspp] mode"]),
    );
  });

  it.each(all.map((setting) => [`${setting.header} ${setting.key}`, setting] as const))(
    "says what %s must be when it has a value of a wrong type",
    (_, { header, beside, key, type }) => {
      let refused = 0;
      for (const value of wrong) {
        const faults = faultsOf(`\n${[header, ...beside, `${key} = ${value}`].join("\n")}\n`);
        const own = faults.filter((fault) => new RegExp(`[ .]${key}(?: 1|\\.x)?: `).test(fault));
        expect(faults, `${key} = ${value}`).toEqual(own);
        refused += own.length > 0 ? 1 : 0;
        for (const fault of own) {
          expect(fault).toMatch(/^c\.toml:\d+:\d+: [^:]+: (?:must |needs |would |cannot |is not a setting; |")/);
          expect(fault.startsWith(`c.toml:${3 + beside.length}:`), fault).toBe(true);
          expect(fault).not.toMatch(/Invalid|expected|received|undefined|NaN|\[object|^[^ ]+ [a-z]+\.\d+/);
          expect(fault).toMatch(/, not |: must be a cron|must not|needs|would|cannot|is not/);
          const advice = /; write (?:\w+ = )?(.*)$/.exec(fault)?.[1];
          if (advice !== undefined && fault.includes(`write ${key} = `)) {
            // What is advised must be right.
            expect(
              faultsOf(`${[header, ...beside, `${key} = ${advice}`].join("\n")}\n`).filter((again) =>
                again.includes(`${key}: must be`),
              ),
            ).toEqual([]);
          }
        }
      }
      expect(refused).toBeGreaterThanOrEqual(6);
      // A list of texts takes a text.
      const { type: kind } = definitionOf(type);
      const sample: unknown = fieldMeta(type)?.sample;
      if (kind === "array" && Array.isArray(sample) && sample.length === 1) {
        const text = [header, ...beside, `${key} = ${tomlValue(sample[0])}`].join("\n");
        expect(faultsOf(text).filter((fault) => fault.includes(`${key}: must`))).toEqual([]);
      }
    },
  );

  it.each([...new Set(all.map(({ header }) => header))])("stands in %s, and nowhere else", (header) => {
    const name = header.replaceAll(/[[\]]/g, "");
    const other = header.startsWith("[[") ? `[${name}]` : `[[${name}]]`;
    // Of a check there may be several; each then needs a name.
    const words = header.startsWith("[checks.")
      ? /^c\.toml:1:\d+: .*name: is missing; write name = /
      : /^c\.toml:1:\d+: .*: must be a section: there (?:may be several|is only one), so write \[/;
    expect(faultsOf(`${other}\n`)[0]).toMatch(words);
    expect(faultsOf(`${name} = 5\n`)).toEqual([expect.stringContaining(`: must be a section: write ${header}`)]);
    expect(faultsOf(`${header}\nnot_there = 5\n`).join("\n")).toMatch(/not_there: is not a setting; allowed here: \w/);
  });
});
