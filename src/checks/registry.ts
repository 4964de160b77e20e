/** Every check there is. The order here has no meaning: `[checks] run` says what runs. */
import type { CheckDefinition } from "../hooks/check.ts";
import { authlogger } from "./authlogger.ts";
import { authrequired } from "./authrequired.ts";
import { badmailfrom } from "./badmailfrom.ts";
import { goodmailto } from "./goodmailto.ts";
import { ifauthskip } from "./ifauthskip.ts";
import { loop } from "./loop.ts";
import { rblspp } from "./rblspp.ts";
import { spp } from "./spp.ts";
import { verybadrcptto } from "./verybadrcptto.ts";

export const checks: readonly CheckDefinition[] = [
  authlogger,
  authrequired,
  badmailfrom,
  goodmailto,
  ifauthskip,
  loop,
  rblspp,
  spp,
  verybadrcptto,
];
