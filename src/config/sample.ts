/** The sample file, printed from the schema's declarations. */
import type * as z from "zod";

import { definitionOf } from "./shape.ts";
import { fieldMeta } from "./fields.ts";
import { headingOf, sectionsOf } from "./section-rows.ts";
import type { Schema } from "./section-rows.ts";
import { tomlValue } from "./toml-value.ts";

function wrap(doc: string): string[] {
  const lines: string[] = [];
  for (const word of doc.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 108) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = `${last} ${word}`;
    }
  }
  return lines.map((line) => `## ${line}`);
}

/** What every check has is described once, in [checks]. */
function isShown(type: z.ZodType): boolean {
  const meta = fieldMeta(type);
  return meta !== undefined && meta.common !== true;
}

/** Every setting, commented out at its default, with its docstring. */
export function sampleConfig(schema: Schema, docs: Readonly<Record<string, string>>): string {
  const out = [
    "## goodmailto: every setting, commented out at its default.",
    "## Durations: 500ms, 90s, 10m, 1h30m, 7d. Sizes: 64KiB, 25MB. Relative paths are taken from this file's folder.",
    "## [[name]] sections may occur several times. Check with: goodmailto config check --config FILE",
  ];
  for (const row of sectionsOf(schema)) {
    const fields = Object.entries(definitionOf(row.type).shape ?? {}).filter(([, type]) => isShown(type));
    if (fields.length === 0 && docs[row.path.join(".")] === undefined) {
      continue;
    }
    out.push("", ...wrap(docs[row.path.join(".")] ?? "").filter((line) => line !== "## "), `#${headingOf(row)}`);
    for (const [key, type] of fields) {
      const meta = fieldMeta(type);
      const words = allowedWords(type);
      const doc = `${meta?.doc ?? ""}${words === "" ? "" : ` One of: ${words}.`}${meta?.required === true ? " Required." : ""}`;
      out.push(...wrap(doc), `#${key} = ${tomlValue(meta?.sample)}`);
    }
  }
  return `${out.join("\n")}\n`;
}

function allowedWords(type: z.ZodType): string {
  return Object.keys(definitionOf(type).entries ?? {}).join(", ");
}
