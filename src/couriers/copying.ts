/**
 * Copies: each message that a next hop has accepted, for the domains of `[[copy]]`, sent on to another one. It is written
 * to a file while it passes, and sent after the client has its 250, which a copy never changes and never waits for.
 */
import { close } from "node:fs";

import { FileWriter } from "../files/file-writer.ts";
import type { Mailbox } from "../mail/address.ts";
import { nothingOffered } from "../mail/courier.ts";
import type { Delivery, Envelope, Origin, RunningCourier } from "../mail/courier.ts";
import type { Reply } from "../mail/reply.ts";
import { openNameless } from "../message/spool.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { within } from "../wait/within.ts";
import { copyFacts } from "./copy-queue.ts";
import type { CopyQueue, WayOf } from "./copy-queue.ts";

/** A disk that is slower loses the copy and does not hold the client; ms. */
const patience = 1000;

/** Where copies go. */
export interface Copying {
  readonly queue: CopyQueue;
  readonly folder: string;
  readonly log: Log;
  readonly wayOf: WayOf;
}

/** A courier that copies what another one delivers. */
export function createCopying(courier: RunningCourier, copying: Copying): RunningCourier {
  return {
    begin: (envelope, origin) => new CopiedDelivery(courier.begin(envelope, origin), copying, envelope, origin),
    close() {
      courier.close();
      copying.queue.close();
    },
    offered: () => courier.offered?.() ?? nothingOffered,
    heard: () => courier.heard?.() ?? Promise.resolve(),
    hops: () => [...courier.hops(), ...copying.queue.hops()],
  };
}

class CopiedDelivery implements Delivery {
  readonly #inner: Delivery;
  readonly #copying: Copying;
  readonly #origin: Origin;
  #envelope: Envelope;
  #recipients: Mailbox[] = [];
  /** The message so far; undefined: there is no copy. */
  #copy: { readonly file: number; readonly writer: FileWriter; size: number } | undefined;
  #isFinishing = false;

  constructor(inner: Delivery, copying: Copying, envelope: Envelope, origin: Origin) {
    this.#inner = inner;
    this.#copying = copying;
    // The sender hears of its message from the hop that has accepted it, and not from the copy.
    this.#envelope = { ...envelope, dsn: "" };
    // When the copy is delivered, the client is gone.
    this.#origin = { session: origin.session, ip: origin.ip };
  }

  async recipient(mailbox: Mailbox, together = false, dsn = ""): Promise<Reply> {
    const answer = await this.#inner.recipient(mailbox, together, dsn);
    if (answer.code === 250) {
      this.#recipients.push(mailbox);
    }
    return answer;
  }

  async plan(sender: Mailbox | undefined, recipients: readonly Mailbox[]): Promise<Reply | undefined> {
    const refusal = await this.#inner.plan(sender, recipients);
    this.#envelope = { ...this.#envelope, sender };
    this.#recipients = [...recipients];
    return refusal;
  }

  get answerTime(): number {
    return this.#inner.answerTime;
  }

  async data(): Promise<Reply> {
    const answer = await this.#inner.data();
    this.#recipients = this.#recipients.filter((mailbox) => this.#copying.wayOf(mailbox) !== undefined);
    if (answer.code === 354 && this.#recipients.length > 0) {
      this.#begin();
    }
    return answer;
  }

  #begin(): void {
    try {
      const file = openNameless(this.#copying.folder);
      this.#copy = { file, writer: new FileWriter(file), size: 0 };
    } catch (error) {
      this.#lost(error);
    }
  }

  write(chunk: Buffer): boolean {
    const taken = this.#inner.write(chunk);
    if (this.#copy === undefined) {
      return taken;
    }
    this.#copy.size += chunk.length;
    return this.#copy.writer.write(chunk) && taken;
  }

  async drained(): Promise<void> {
    await Promise.all([this.#inner.drained(), this.#written(this.#copy?.writer)]);
  }

  async #written(writer: FileWriter | undefined): Promise<void> {
    try {
      await within(writer?.drained() ?? Promise.resolve(), patience, "the disk is too slow");
    } catch (error) {
      this.#lost(error);
    }
  }

  async finish(): Promise<Reply> {
    this.#isFinishing = true;
    const answer = await this.#inner.finish();
    const copy = this.#copy;
    if (answer.code !== 250 || copy === undefined) {
      this.#drop();
      return answer;
    }
    this.#copy = undefined;
    const [envelope, recipients, origin] = [this.#envelope, this.#recipients, this.#origin];
    this.#copying.queue.add({ ...copy, envelope, recipients, origin });
    return answer;
  }

  abandon(): void {
    this.#inner.abandon();
    // After the final dot the next hop may still accept it: finish() decides then.
    if (!this.#isFinishing) {
      this.#drop();
    }
  }

  #lost(error: unknown): void {
    const { log, wayOf } = this.#copying;
    const facts = copyFacts(this.#envelope, this.#recipients, this.#origin, wayOf);
    log.warning("copy", "not made", { ...facts, why: errorMessage(error) });
    this.#drop();
  }

  #drop(): void {
    const copy = this.#copy;
    this.#copy = undefined;
    // The writer uses the descriptor; nothing waits for it.
    void copy?.writer.drained().then(() => close(copy.file, () => undefined));
  }
}
