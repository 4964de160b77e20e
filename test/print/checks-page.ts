/** docs/checks.md, printed from the registry. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { checks } from "../../src/checks/all.ts";
import { fieldMeta } from "../../src/config/fields.ts";
import { elementOf, shapeOf } from "../../src/config/shape.ts";
import { tomlValue } from "../../src/config/toml-value.ts";
import type { CheckDefinition } from "../../src/hooks/check.ts";
import { differences } from "../oracle/differences.ts";
import { uncompared } from "../oracle/uncompared.ts";
import { findChecks } from "./registry.ts";

/** The page. */
export const checksPage = join(import.meta.dirname, "../../docs/checks.md");

const intro = `# Checks

Printed from the registry by \`npm run docs\`. A check runs if it is listed in \`[checks] run\`, in that order at each of its hooks; \`goodmailto checks NAME\` prints one with an example. What all checks have in common (\`mode\`, \`unless\`, \`points\`, \`permanent\`, \`close\`, \`reply\`, instances) is in [Plugins and checks](plugins.md#a-check-in-typescript).

*Failure* says what happens if something is missing or does not answer. For all checks: if a list file cannot be read, its previous entries stay in use and a warning is logged. A line that cannot be parsed is left out, with a warning. An error inside a check is logged and counted, and the check gives no verdict.
`;

/** The page as it should be. */
export function printChecks(): string {
  const families = Map.groupBy(findChecks(), ({ family }) => family);
  const sections = [...families]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([family, files]) => [
      `\n## ${family}\n`,
      ...files.flatMap(({ name }) => checks.filter((check) => check.name === name).map(describe)),
    ]);
  return `${[intro, ...sections, beside, printDifferences(), printUncompared()].join("\n").trimEnd()}\n`;
}

const beside = `## Beside qpsmtpd

\`test/oracle\` gives Debian's qpsmtpd 0.94-5 and goodmailto the same list files and the same envelopes, and compares which are refused, and with which text. Codes always differ: goodmailto puts an enhanced status code in front, qpsmtpd has \`(#5.7.1)\` at the end. qpsmtpd's greylisting calls a method that does not exist and never decides; the test compares with a corrected copy. The first table lists all other differences, which are intended; "accepted" means that nothing refused. The second table names the plugins that are not compared. For all other checks, qpsmtpd 0.94-5 has no plugin.
`;

/** The one table of differences. */
function printDifferences(): string {
  const rows = differences.map(({ row, about, theirs, ours, why }) => {
    const verdict = (text: string): string => (text === "accepted" ? text : `\`${cell(text)}\``);
    return `| ${row} | ${cell(about)} | ${verdict(theirs)} | ${verdict(ours)} | ${cell(why)} |`;
  });
  return ["| check | case | qpsmtpd 0.94-5 | goodmailto | why |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** What of the original is not compared. */
function printUncompared(): string {
  const rows = uncompared.map(({ plugin, check, why }) => `| \`${plugin}\` | ${check} | ${cell(why)} |`);
  return ["", "| plugin | check | why it is not compared |", "|---|---|---|", ...rows].join("\n");
}

function describe(check: CheckDefinition): string {
  const section = check.section ?? `checks.${check.name}`;
  const settings = rowsOf(check.settings);
  const reasons = Object.entries(check.reasons).map(([key, words]) => `${words} (\`${key}\`)`);
  return [
    `### ${check.name}\n`,
    `${check.doc}\n`,
    `- Hooks: ${check.hooks.join(", ")}; stage ${check.stage}${check.needs === undefined ? "" : `; needs of a message: ${check.needs}`}`,
    `- Refuses for: ${reasons.length === 0 ? "nothing" : reasons.join(", ")}`,
    `- Exempt by default: ${check.unless === undefined || check.unless.length === 0 ? "nobody" : check.unless.join(", ")}`,
    `- Failure: ${check.failure}`,
    `- Original: ${check.original}`,
    ...(settings.length === 0
      ? ["- No settings of its own\n"]
      : [`- Settings in \`[${section}]\`:\n`, "| setting | default | meaning |", "|---|---|---|", ...settings, ""]),
    ...Object.entries(check.settings).flatMap(([key, type]) => {
      const shape = shapeOf(elementOf(type) ?? type);
      return shape === undefined
        ? []
        : [
            `Settings in \`[[${section}.${key}]]\`:\n`,
            "| setting | example | meaning |",
            "|---|---|---|",
            ...rowsOf(shape),
            "",
          ];
    }),
  ].join("\n");
}

function rowsOf(settings: CheckDefinition["settings"]): string[] {
  return Object.entries(settings).flatMap(([key, type]) => {
    const meta = fieldMeta(type);
    return meta === undefined ? [] : [`| \`${key}\` | \`${tomlValue(meta.sample)}\` | ${cell(meta.doc)} |`];
  });
}

/** Text that may be in a cell of a table. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The page as it is. */
export function readChecksPage(): string {
  return readFileSync(checksPage, "utf8");
}
