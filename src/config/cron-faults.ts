/** What is wrong with a cron expression, by node-cron, which is loaded when it is first needed. */
import { createRequire } from "node:module";

import type { validateDetailed } from "node-cron";

const require = createRequire(import.meta.url);

/** @param expression of five fields, or six with seconds first. @returns "" if nothing is wrong with it */
export function cronFaults(expression: string): string {
  const library: { readonly validateDetailed: typeof validateDetailed } = require("node-cron");
  const { valid, errors } = library.validateDetailed(expression);
  return valid ? "" : errors.map((error) => error.message).join("; ");
}
