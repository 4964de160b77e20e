/** `goodmailto checks`: every check with its hooks, settings and docstring. */
import { Command } from "commander";

import { checks } from "../checks/registry.ts";
import { fieldMeta } from "../config/fields.ts";
import { tomlValue } from "../config/toml-value.ts";
import type { CheckDefinition } from "../hooks/check.ts";

/** Builds the verb. */
export function checksCommand(): Command {
  return new Command("checks").description("List the checks with their hooks and settings").action(() => {
    process.stdout.write(checks.map(describeCheck).join("\n"));
  });
}

function describeCheck(check: CheckDefinition): string {
  const section = check.section ?? `checks.${check.name}`;
  const settings = Object.entries(check.settings).flatMap(([key, type]) => {
    const meta = fieldMeta(type);
    return meta === undefined ? [] : [`    ${key} = ${tomlValue(meta.sample)}\n        ${meta.doc}`];
  });
  const mode =
    check.section === "recipients"
      ? []
      : ['    mode = "enforce"\n        enforce, observe (its verdict is logged and does not count) or off.'];
  const stage = check.stage === "note" ? " (a note-taker: runs before all others)" : "";
  return [
    `${check.name}`,
    `  ${check.doc}`,
    `  hooks: ${check.hooks.join(", ")}${stage}`,
    `  settings: [${section}]`,
    ...mode,
    ...settings,
    "",
  ].join("\n");
}
