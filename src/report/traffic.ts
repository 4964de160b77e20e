/** Who takes note of the recipients that get mail, for the guard of syncs; src/traffic/recorder.ts does. */
import type { Mailbox } from "../mail/address.ts";

/** Takes note of recipients, without making anybody wait. */
export interface TrafficNotes {
  /** The next hop said 250 to a message for it. @param mailbox as the client named it */
  accepted(mailbox: Mailbox): void;
  /**
   * Another mail server asked about it, and accepts it now: what becomes of the message is not known.
   * @param client of that server; "" if it does not tell
   */
  asked(mailbox: Mailbox, client: string): void;
  /** The list does not know it, and it was refused. */
  refused(mailbox: Mailbox): void;
}
