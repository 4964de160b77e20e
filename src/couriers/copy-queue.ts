/** Copies that wait for their turn, a bounded number of them, and how each is sent: once, with an end. */
import { close } from "node:fs";

import { streamOf } from "../files/descriptor-stream.ts";
import type { FileWriter } from "../files/file-writer.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Courier, Delivery, Envelope, Origin } from "../mail/courier.ts";
import { replyText } from "../mail/reply.ts";
import { labelsBy } from "../report/counters.ts";
import type { Counters } from "../report/counters.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { Slots } from "../wait/slots.ts";
import { unlessAborted } from "../wait/within.ts";

/** Copies that are sent at a time, and that wait besides: each has a file open. */
const atOnce = 4;
const mostWaiting = 100;
/** Of sending one, in ms. */
const deadline = 15 * 60_000;
const byResult = labelsBy("result");

/** A message that is to be sent once more. */
export interface Copy {
  /** A file without a name, in wire form, and its writer. */
  readonly file: number;
  readonly writer: FileWriter;
  readonly size: number;
  readonly envelope: Envelope;
  readonly recipients: readonly Mailbox[];
  readonly origin: Origin;
}

export class CopyQueue {
  readonly #courier: Courier & { close(): void };
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #slots = new Slots(atOnce);
  #isClosed = false;

  constructor(courier: Courier & { close(): void }, log: Log, counters: Counters) {
    this.#courier = courier;
    this.#log = log;
    this.#counters = counters;
  }

  /** Takes a copy, and its file with it. */
  add(copy: Copy): void {
    if (this.#slots.waiting >= mostWaiting) {
      this.#failed(copy, `${mostWaiting} others wait`);
      release(copy);
      return;
    }
    // Nobody waits for it; it never rejects.
    void this.#slots.run(() => this.#send(copy)).then(() => this.#closeIdle());
  }

  /** What waits is sent still. */
  close(): void {
    this.#isClosed = true;
    this.#closeIdle();
  }

  #closeIdle(): void {
    if (this.#isClosed && this.#slots.taken === 0) {
      this.#courier.close();
    }
  }

  async #send(copy: Copy): Promise<void> {
    let open: Delivery | undefined;
    const end = AbortSignal.timeout(deadline);
    const inTime = <T>(work: Promise<T>): Promise<T> => unlessAborted(work, end, "no time left");
    try {
      await inTime(copy.writer.end());
      let left = copy.recipients;
      // Those of another next hop, or who need a message of their own, come next.
      while (left.length > 0) {
        const delivery = (open = this.#courier.begin({ ...copy.envelope, size: 0 }, copy.origin));
        left = await inTime(this.#deliver(delivery, copy, left, end));
      }
    } catch (error) {
      this.#failed(copy, errorMessage(error));
      open?.abandon();
    } finally {
      release(copy);
    }
  }

  /** @returns who is to be served after these */
  async #deliver(
    delivery: Delivery,
    copy: Copy,
    recipients: readonly Mailbox[],
    end: AbortSignal,
  ): Promise<readonly Mailbox[]> {
    const later: Mailbox[] = [];
    const taken: Mailbox[] = [];
    for (const mailbox of recipients) {
      const reply = await delivery.recipient(mailbox);
      if (reply.code === 250) {
        taken.push(mailbox);
      } else if (reply.code === 452 && taken.length > 0) {
        later.push(mailbox);
      } else {
        this.#failed(copy, `<${mailbox.raw}>: ${replyText(reply)}`);
      }
    }
    if (taken.length === 0) {
      delivery.abandon();
      return [];
    }
    const go = await delivery.data();
    if (go.code !== 354) {
      throw new Error(replyText(go));
    }
    for await (const chunk of contentOf(copy, end)) {
      if (!delivery.write(chunk)) {
        await delivery.drained();
      }
    }
    const answer = await delivery.finish();
    if (answer.code !== 250) {
      throw new Error(replyText(answer));
    }
    this.#counters.add("copies", byResult("delivered"));
    this.#log.debug("copy", "delivered", { session: copy.origin.session, recipients: taken.length });
    return later;
  }

  #failed({ origin }: Copy, why: string): void {
    this.#counters.add("copies", byResult("failed"));
    this.#log.warning("copy", "not delivered", { session: origin.session, why });
  }
}

/** A message is at least the relay's own Received field, and never empty. */
function contentOf({ file, size }: Copy, signal: AbortSignal): AsyncIterable<Buffer> {
  return streamOf(file, size, signal);
}

function release({ file, writer }: Copy): void {
  void writer.drained().then(() => close(file, () => undefined));
}
