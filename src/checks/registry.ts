/** Every check there is. The order here has no meaning: `[hooks]` says what runs when. */
import type { CheckDefinition } from "../hooks/check.ts";
import { goodmailto } from "./goodmailto.ts";

export const checks: readonly CheckDefinition[] = [goodmailto];
