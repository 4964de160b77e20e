/** Copies that wait for their turn, a bounded number of them, and how each is sent: once, with an end. */
import { close } from "node:fs";

import { streamOf } from "../files/descriptor-stream.ts";
import type { FileWriter } from "../files/file-writer.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Delivery, Envelope, HopState, Origin, RunningCourier } from "../mail/courier.ts";
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
/** Of the lines about those that cannot be sent any more, in ms. */
const reportTime = 1000;
/** Recipients in one line of the log. */
const mostNamed = 50;
const stopping = "the relay stops";
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

/** The section that says where the copy of a recipient goes, for the log; undefined: there is none. */
export type WayOf = (mailbox: Mailbox) => string | undefined;

/** What a queue needs. */
export interface CopyOptions {
  readonly courier: RunningCourier;
  readonly wayOf: WayOf;
  readonly log: Log;
  readonly counters: Counters;
}

export class CopyQueue {
  readonly #options: CopyOptions;
  readonly #slots = new Slots(atOnce);
  /** Each ends one copy, which may wait still. */
  readonly #ends = new Set<AbortController>();
  readonly #queues: CopyQueues;
  #isClosed = false;
  #isStopping = false;

  constructor(options: CopyOptions, queues: CopyQueues) {
    this.#options = options;
    this.#queues = queues;
  }

  /** Takes a copy, and its file with it. */
  add(copy: Copy): void {
    if (this.#isStopping || this.#slots.waiting >= mostWaiting) {
      this.#failed(copy, copy.recipients, this.#isStopping ? stopping : `${mostWaiting} others wait`);
      release(copy);
      return;
    }
    const end = new AbortController();
    this.#ends.add(end);
    // Also of a session that began before a reload, which has closed this queue.
    this.#queues.enter(this);
    // Nobody waits for it; it never rejects.
    void this.#slots.run(() => this.#send(copy, end)).then(() => this.#closeIdle());
  }

  /** The next hops of copies. */
  hops(): readonly HopState[] {
    return this.#options.courier.hops();
  }

  /** No new session uses it. What waits is sent still. */
  close(): void {
    this.#isClosed = true;
    this.#closeIdle();
  }

  /** Ends what is not sent yet, with a line of the log for each. */
  stop(): void {
    this.#isStopping = true;
    this.#ends.forEach((end) => end.abort());
  }

  #closeIdle(): void {
    if (this.#isClosed && this.#ends.size === 0) {
      this.#options.courier.close();
      this.#queues.leave(this);
    }
  }

  async #send(copy: Copy, end: AbortController): Promise<void> {
    const { signal } = end;
    const timer = setTimeout(() => end.abort(), deadline);
    const inTime = <T>(work: Promise<T>): Promise<T> => unlessAborted(work, signal, "no time left");
    /** Who has it not, and is not in the log yet. */
    const left = new Set(copy.recipients);
    let open: Delivery | undefined;
    try {
      await inTime(copy.writer.end());
      // Those of another next hop, or who need a message of their own, come next.
      while (left.size > 0) {
        const delivery = (open = this.#options.courier.begin({ ...copy.envelope, size: 0 }, copy.origin));
        await inTime(this.#deliver(delivery, copy, left, signal));
      }
    } catch (error) {
      this.#failed(copy, [...left], this.#isStopping ? stopping : errorMessage(error));
      open?.abandon();
    } finally {
      clearTimeout(timer);
      this.#ends.delete(end);
      release(copy);
    }
  }

  /** @param left whoever is served by this delivery, or refused, leaves it */
  async #deliver(delivery: Delivery, copy: Copy, left: Set<Mailbox>, signal: AbortSignal): Promise<void> {
    const taken: Mailbox[] = [];
    const refused = new Map<string, Mailbox[]>();
    for (const mailbox of [...left]) {
      const reply = await delivery.recipient(mailbox);
      if (signal.aborted) {
        return;
      }
      if (reply.code === 250) {
        taken.push(mailbox);
      } else if (reply.code !== 452 || taken.length === 0) {
        const why = replyText(reply);
        refused.set(why, [...(refused.get(why) ?? []), mailbox]);
      }
    }
    refused.forEach((mailboxes, why) => {
      mailboxes.forEach((mailbox) => left.delete(mailbox));
      this.#failed(copy, mailboxes, why);
    });
    if (taken.length === 0) {
      delivery.abandon();
      return;
    }
    const go = await delivery.data();
    if (go.code !== 354) {
      throw new Error(replyText(go));
    }
    for await (const chunk of contentOf(copy, signal)) {
      if (!delivery.write(chunk)) {
        await delivery.drained();
      }
    }
    const answer = await delivery.finish();
    if (answer.code !== 250) {
      throw new Error(replyText(answer));
    }
    taken.forEach((mailbox) => left.delete(mailbox));
    this.#options.counters.add("copies", byResult("delivered"));
    this.#options.log.debug("copy", "delivered", { session: copy.origin.session, recipients: taken.length });
  }

  #failed({ envelope, origin }: Copy, recipients: readonly Mailbox[], why: string): void {
    const { counters, log, wayOf } = this.#options;
    counters.add("copies", byResult("failed"));
    log.warning("copy", "not delivered", { ...copyFacts(envelope, recipients, origin, wayOf), why });
  }
}

/** What an administrator needs to send a copy again by hand. */
export function copyFacts({ sender }: Envelope, recipients: readonly Mailbox[], { session }: Origin, wayOf: WayOf) {
  const named = recipients.slice(0, mostNamed).map(({ raw }) => raw);
  const more = recipients.length > mostNamed ? [`and ${recipients.length - mostNamed} more`] : [];
  return {
    session,
    from: sender?.raw ?? "<>",
    to: [...named, ...more].join(" "),
    route: [...new Set(recipients.map(wayOf))].join(" "),
  };
}

/** The queues of a process: one more with each reload, each until it is closed and empty. */
export class CopyQueues {
  readonly #queues = new Set<CopyQueue>();
  #emptied: (() => void) | undefined;

  /** One that has copies, or may get some. */
  enter(queue: CopyQueue): void {
    this.#queues.add(queue);
  }

  /** One that has sent what it had. */
  leave(queue: CopyQueue): void {
    this.#queues.delete(queue);
    if (this.#queues.size === 0) {
      this.#emptied?.();
    }
  }

  /** The relay stops, and every queue is closed: what is not sent after so many ms is reported, one line for each. */
  async finish(ms: number): Promise<void> {
    if (this.#queues.size === 0) {
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    const late = setTimeout(() => {
      this.#queues.forEach((queue) => queue.stop());
    }, ms);
    const last = setTimeout(resolve, ms + reportTime);
    await promise;
    clearTimeout(late);
    clearTimeout(last);
  }
}

/** A message is at least the relay's own Received field, and never empty. */
function contentOf({ file, size }: Copy, signal: AbortSignal): AsyncIterable<Buffer> {
  return streamOf(file, size, signal);
}

function release({ file, writer }: Copy): void {
  void writer.drained().then(() => close(file, () => undefined));
}
