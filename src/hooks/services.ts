/** What a check may use of the rest: given to `create`, never imported. */
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import type { Dns } from "../dns/resolver.ts";
import type { Log } from "../report/log.ts";
import type { RecipientAnswer } from "../snapshot/recipients.ts";

/** Asks the snapshot about a recipient of a relay domain. */
export interface Recipients {
  find(mailbox: Mailbox): RecipientAnswer;
}

/** What every check has. */
export interface Services {
  readonly recipients: Recipients;
  readonly domains: Domains;
  readonly dns: Dns;
  readonly log: Log;
  /** ms since 1970; injected, so that tests own the clock. */
  readonly now: () => number;
}
