/** Every courier there is, by the scheme of `[[route]] next_hop`; printed by `npm run docs`. */
import type { CourierDefinition } from "./contract/contract.ts";
import { https } from "./https.ts";
import { lmtp } from "./lmtp.ts";
import { maildir } from "./maildir.ts";
import { mx } from "./mx.ts";
import { pipe } from "./pipe.ts";
import { smtp } from "./smtp.ts";
import { smtps } from "./smtps.ts";

export const couriers: readonly CourierDefinition[] = [https, lmtp, maildir, mx, pipe, smtp, smtps];
