/** Every check there is; printed by `npm run docs`. The order has no meaning: `[checks] run` says what runs. */
import type { CheckDefinition } from "../hooks/check.ts";
import { authlogger } from "./auth/authlogger.ts";
import { authrequired } from "./auth/authrequired.ts";
import { badmailfrom } from "./envelope/badmailfrom.ts";
import { badmailfromto } from "./envelope/badmailfromto.ts";
import { badrcptto } from "./envelope/badrcptto.ts";
import { badrcptto_patterns } from "./envelope/badrcptto_patterns.ts";
import { goodmailto } from "./recipient/goodmailto.ts";
import { ifauthskip } from "./auth/ifauthskip.ts";
import { loop } from "./content/loop.ts";
import { rblspp } from "./lists/rblspp.ts";
import { score } from "./client/score.ts";
import { spp } from "./programs/spp.ts";
import { verybadrcptto } from "./envelope/verybadrcptto.ts";

export const checks: readonly CheckDefinition[] = [
  authlogger,
  authrequired,
  badmailfrom,
  badmailfromto,
  badrcptto,
  badrcptto_patterns,
  goodmailto,
  ifauthskip,
  loop,
  rblspp,
  score,
  spp,
  verybadrcptto,
];
