/** What one check wants to change of a message: kept apart until it has answered, then carried out together, or not at all. */
import type { WholeEdits } from "../../hooks/message.ts";
import { normalKey, readAgain } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { toWire } from "../../message/dots.ts";
import { checkEdit, EditedHeader } from "../../message/edit.ts";
import type { HeaderEdit } from "../../message/edit.ts";
import type { HeldMessage } from "../../message/held.ts";
import type { Spool } from "../../message/spool.ts";

/** What a check may append, in bytes: it stays in memory. */
const maxAppended = 1_048_576;

/** The message as the checks so far have made it. */
export interface Changeable {
  readonly header: EditedHeader;
  /** Undefined if only the header section is held. */
  readonly held: HeldMessage | undefined;
  sender: Mailbox | undefined;
  recipients: readonly Mailbox[];
}

export class Draft implements Omit<WholeEdits, "received"> {
  readonly #message: Changeable;
  /** Why a recipient may not be added; undefined: it may. */
  readonly #relayFault: (mailbox: Mailbox) => string | undefined;
  readonly #edits: HeaderEdit[] = [];
  #body: Spool | undefined;
  #appended: Buffer[] = [];
  #recipients: readonly Mailbox[];
  #sender: Mailbox | undefined;
  #changes = 0;
  #over = false;

  constructor(message: Changeable, relayFault: (mailbox: Mailbox) => string | undefined) {
    this.#message = message;
    this.#relayFault = relayFault;
    this.#recipients = message.recipients;
    this.#sender = message.sender;
  }

  /** How many changes there are. */
  get changes(): number {
    return this.#changes;
  }

  get recipients(): readonly Mailbox[] {
    return this.#recipients;
  }

  insertHeader(index: number, line: string): void {
    this.#edit({ kind: "insert", index, line });
  }

  insertAround(index: number, line: string): void {
    this.#edit({ kind: "insert-around", index, line });
  }

  changeHeader(name: string, nth: number, value: string): void {
    this.#edit({ kind: "change", name, nth, value });
  }

  deleteHeader(name: string, nth: number): void {
    this.#edit({ kind: "delete", name, nth });
  }

  deleteReceivedHeader(name: string): void {
    this.#edit({ kind: "delete-received", name });
  }

  content(): AsyncIterable<Buffer> {
    return this.#held.content(this.#message.header);
  }

  /** @param header the header section as received, in wire form */
  received(header: string): AsyncIterable<Buffer> {
    return this.#held.received(header);
  }

  async replaceBody(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    this.#change();
    const spool = await this.#held.prepare(body);
    if (this.#over) {
      spool.close();
      return;
    }
    this.#body?.close();
    this.#body = spool;
    this.#appended = [];
  }

  appendBody(text: Buffer): void {
    const size = this.#appended.reduce((sum, { length }) => sum + length, text.length);
    if (size > maxAppended) {
      throw new RangeError(`Cannot append ${size} bytes to a message: the limit is ${maxAppended}`);
    }
    this.#change();
    this.#appended.push(toWire(text));
  }

  addRecipient(given: Mailbox): void {
    const mailbox = readAgain(given);
    const fault = this.#relayFault(mailbox);
    if (fault !== undefined) {
      throw new RangeError(`Cannot add the recipient <${mailbox.raw}>: ${fault}`);
    }
    this.#change();
    this.#recipients = [...this.#recipients.filter((one) => !isSame(one, mailbox)), mailbox];
  }

  removeRecipient(mailbox: Mailbox): void {
    this.#change();
    this.#recipients = this.#recipients.filter((one) => !isSame(one, mailbox));
  }

  changeSender(sender: Mailbox | undefined): void {
    const named = sender && readAgain(sender);
    this.#change();
    this.#sender = named;
  }

  /** Makes the changes. */
  commit(): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    if (this.#changes === 0) {
      return;
    }
    for (const edit of this.#edits) {
      this.#message.header.apply(edit);
    }
    this.#message.held?.change({ replacement: this.#body, appended: this.#appended });
    this.#message.recipients = this.#recipients;
    this.#message.sender = this.#sender;
  }

  /** Forgets the changes. */
  discard(): void {
    this.#over = true;
    this.#body?.close();
  }

  #edit(edit: HeaderEdit): void {
    checkEdit(edit);
    this.#change();
    this.#edits.push(edit);
  }

  #change(): void {
    if (this.#over) {
      throw new Error("Cannot change a message: the check has answered, or its time is over");
    }
    this.#changes++;
  }

  get #held(): HeldMessage {
    const { held } = this.#message;
    if (held === undefined) {
      throw new Error("Cannot change the body: this message is not spooled");
    }
    return held;
  }
}

function isSame(one: Mailbox, other: Mailbox): boolean {
  return normalKey(one.user, one.domain) === normalKey(other.user, other.domain);
}
