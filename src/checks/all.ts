/** Every built-in check, for what lists or tries them all; who needs one asks registry.ts. */
import type { CheckDefinition } from "../hooks/check.ts";
import { registry } from "./registry.ts";

export const checks: readonly CheckDefinition[] = registry.map(({ definition }) => definition());
