/** The files of client rules, as the relay wants them. */
import { readFileSync } from "node:fs";

import { emptyClientRules, parseClientRules } from "../clients/tcprules.ts";
import type { ClientRules } from "../clients/tcprules.ts";
import { decode } from "../config/config-text.ts";
import { FileFault } from "./file-fault.ts";

/** A client rules file with errors, one line each. */
export class RulesFault extends FileFault {}

/** Reads a rules file; its warnings are logged by warnings.ts. @throws RulesFault with every error of it */
export function readRules(path: string): ClientRules {
  if (path === "") {
    return emptyClientRules;
  }
  const text = decode(readFileSync(path));
  if (typeof text !== "string") {
    throw new RulesFault(`${path}:${text.line}:${text.column}: ${text.message}`);
  }
  const { rules, faults } = parseClientRules(text, path);
  if (faults.length > 0) {
    throw new RulesFault(
      faults.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`).join("\n"),
    );
  }
  return rules;
}
