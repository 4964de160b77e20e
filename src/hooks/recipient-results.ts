/**
 * What checks of content find for single recipients of one message, where a check asks for that by the effect `each`:
 * they note it here, and pass. Who asked decides at the end of the message.
 */
import type { Mailbox } from "../mail/address.ts";

/** The recipients of a message, by their mailboxes, that a check of content would refuse. */
export class RecipientResults {
  readonly #refused = new Set<Mailbox>();

  refuse(mailbox: Mailbox): void {
    this.#refused.add(mailbox);
  }

  isRefused(mailbox: Mailbox): boolean {
    return this.#refused.has(mailbox);
  }
}
