/** Every password back end there is; printed by `npm run docs`. `[auth] order` says which are asked, and when. */
import { command } from "./command.ts";
import type { BackEndDefinition } from "./contract.ts";
import { imap } from "./imap.ts";
import { passwords } from "./passwords.ts";
import { saslauthd } from "./saslauthd.ts";
import { smtp } from "./smtp.ts";
import { sql } from "./sql.ts";

export const backEnds: readonly BackEndDefinition[] = [command, imap, passwords, saslauthd, smtp, sql];
