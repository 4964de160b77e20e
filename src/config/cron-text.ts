/** A cron expression as text that is checked, by node-cron, which is loaded when it is first needed. */
import { createRequire } from "node:module";

import type { validateDetailed } from "node-cron";
import * as z from "zod";

/** Five fields, or six with seconds first. @param sample is right, and most files say nothing else: it is not checked */
export function cronText(sample: string): z.ZodType<string, string> {
  return z.string().superRefine((value, context) => {
    const faults = value === sample ? "" : faultsOf(value);
    if (faults !== "") {
      context.addIssue({ code: "custom", message: `must be a cron expression: ${faults}` });
    }
  });
}

/** In words; "" if nothing is wrong with it. */
function faultsOf(expression: string): string {
  const require = createRequire(import.meta.url);
  const library: { readonly validateDetailed: typeof validateDetailed } = require("node-cron");
  const { valid, errors } = library.validateDetailed(expression);
  return valid ? "" : errors.map((error) => error.message).join("; ");
}
