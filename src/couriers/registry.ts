/** Every courier besides SMTP's, by the scheme of `[[route]] next_hop`; printed by `npm run docs`. */
import type { CourierDefinition } from "./contract/contract.ts";
import { maildir } from "./maildir.ts";
import { pipe } from "./pipe.ts";

export const couriers: readonly CourierDefinition[] = [maildir, pipe];
