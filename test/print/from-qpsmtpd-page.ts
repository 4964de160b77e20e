/** The table of docs/from-qpsmtpd.md, printed from the table that `goodmailto import` reads. The rest of the page is written by hand. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { checks } from "../../src/checks/all.ts";
import { schema } from "../../src/compose/settings.ts";
import { readKnown } from "../../src/import/known.ts";
import type { Becoming, Plugin } from "../../src/import/plugin.ts";
import { plugins } from "../../src/import/plugins.ts";

/** The page. */
export const fromQpsmtpdPage = join(import.meta.dirname, "../../docs/from-qpsmtpd.md");

const begin = "<!-- printed by npm run docs: begin -->";
const end = "<!-- printed by npm run docs: end -->";

const known = readKnown(
  schema,
  checks.map(({ name }) => name),
);

/** What a plugin is here, in a cell. */
function target(becomes: Becoming): string {
  switch (becomes.kind) {
    case "check":
      return known.check(becomes.check)
        ? `check [${becomes.check}](checks.md#${becomes.check})`
        : `nothing yet: this version has no check \`${becomes.check}\``;
    case "setting": {
      const { section, keys } = becomes;
      const there = keys.filter((key) => section === "route" || known.setting(section, key));
      const shown = (there.length === 0 ? keys : there).map((key) => `\`${key}\``).join(", ");
      return there.length === 0
        ? `nothing yet: this version has no \`[${section}]\` ${shown}`
        : `\`[${section}]\` ${shown}`;
    }
    case "means":
      return "other means";
    case "nothing":
      return "nothing";
  }
}

function row({ names, becomes, here }: Plugin): string {
  return `| ${names.map((name) => `\`${name}\``).join(", ")} | ${target(becomes)} | ${here.replaceAll("|", "\\|")} |`;
}

/** The page as it should be. */
export function printFromQpsmtpd(): string {
  const page = readFileSync(fromQpsmtpdPage, "utf8");
  const rows = plugins.toSorted((a, b) => ((a.names[0] ?? "") < (b.names[0] ?? "") ? -1 : 1)).map(row);
  const table = ["| plugin | here | how |", "|---|---|---|", ...rows].join("\n");
  return `${page.slice(0, page.indexOf(begin))}${begin}\n\n${table}\n\n${page.slice(page.indexOf(end))}`;
}
