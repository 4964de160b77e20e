/**
 * One transaction with a next hop that answers nothing before the message: recipients are accepted, the envelope waits,
 * the courier gets content without stuffed dots. Whatever breaks is a 4xx. docs/design.md promise 1.
 */
import type { Mailbox } from "../../mail/address.ts";
import type { Delivery, Envelope, Origin } from "../../mail/courier.ts";
import { reply, replyText } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import { Unstuffer } from "../../message/dots.ts";
import type { Counters } from "../../report/counters.ts";
import { errorMessage } from "../../report/error-message.ts";
import type { Log } from "../../report/log.ts";
import { Late, longestTimer, unlessAborted, within } from "../../wait/within.ts";
import { countReply, noteWait } from "./hop-metrics.ts";
import { blockTimeout } from "./patience.ts";
import type { Parcel, PlaceCourier } from "./contract.ts";
import type { Route } from "./routes.ts";

const accepted = reply(250, "2.1.5", "Recipient OK");
const go = reply(354, "", "End data with <CR><LF>.<CR><LF>");
const unavailable = reply(451, "4.3.0", "Cannot deliver at present, try again later");
const late = reply(451, "4.4.1", "Delivery took too long, try again later");
const tooLong = "no answer in time";

/** What deliveries of one route share. */
export interface PlaceContext {
  readonly route: Route;
  readonly courier: PlaceCourier;
  readonly log: Log;
  readonly counters: Counters;
}

export class PlaceDelivery implements Delivery {
  readonly #context: PlaceContext;
  readonly #origin: Origin;
  #sender: Mailbox | undefined;
  #recipients: Mailbox[] = [];
  readonly #unstuffer = new Unstuffer();
  #parcel: Parcel | undefined;
  /** Why the transaction cannot go on. */
  #failure: Reply | undefined;
  #abandoned = false;
  /** The final dot was seen: whoever goes away now changes nothing any more. */
  #over = false;

  constructor(context: PlaceContext, { sender }: Envelope, origin: Origin) {
    this.#context = context;
    this.#sender = sender;
    this.#origin = origin;
  }

  async recipient(mailbox: Mailbox): Promise<Reply> {
    const refusal = this.#context.courier.refusal?.(this.#sender, mailbox, this.#recipients);
    if (refusal === undefined) {
      this.#recipients.push(mailbox);
      return accepted;
    }
    return this.#told("RCPT", refusal);
  }

  async plan(sender: Mailbox | undefined, recipients: readonly Mailbox[]): Promise<Reply | undefined> {
    const { courier } = this.#context;
    const refusal = recipients
      .map((mailbox, i) => courier.refusal?.(sender, mailbox, recipients.slice(0, i)))
      .find((one) => one !== undefined);
    if (refusal === undefined) {
      this.#sender = sender;
      this.#recipients = [...recipients];
      return undefined;
    }
    return this.#told("RCPT", refusal);
  }

  get answerTime(): number {
    return this.#context.route.dataTimeout;
  }

  async data(): Promise<Reply> {
    const { courier, route } = this.#context;
    if (this.#failure !== undefined || this.#abandoned) {
      return this.#failure ?? unavailable;
    }
    const began = performance.now();
    const letter = { sender: this.#sender, recipients: this.#recipients, session: this.#origin.session };
    const opening = courier.open(letter);
    try {
      const parcel = await within(opening, route.timeout, tooLong);
      if (this.#abandoned) {
        parcel.abandon();
        return unavailable;
      }
      this.#parcel = parcel;
      noteWait(this.#context.counters, 354, { command: "DATA", began, ...this.#origin });
      return go;
    } catch (error) {
      // One that opens after all is let go.
      opening.then((parcel) => parcel.abandon()).catch(() => undefined);
      return this.#fail(error);
    }
  }

  write(chunk: Buffer): boolean {
    return this.#parcel?.write(this.#unstuffer.push(chunk)) ?? true;
  }

  async drained(): Promise<void> {
    const parcel = this.#parcel;
    try {
      await within(
        parcel?.drained() ?? Promise.resolve(),
        Math.min(blockTimeout, this.#context.route.dataTimeout),
        tooLong,
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  async finish(): Promise<Reply> {
    const parcel = this.#parcel;
    if (parcel === undefined || this.#failure !== undefined) {
      return this.#failure ?? unavailable;
    }
    this.#over = true;
    const began = performance.now();
    const limit = AbortSignal.timeout(Math.min(longestTimer, this.#context.route.dataTimeout));
    try {
      const answer = await unlessAborted(parcel.finish(limit), limit, tooLong);
      noteWait(this.#context.counters, answer.code, { command: "final dot", began, ...this.#origin });
      if (answer.code !== 250) {
        parcel.abandon();
      }
      return this.#told("final dot", answer);
    } catch (error) {
      return this.#fail(error);
    }
  }

  abandon(): void {
    this.#abandoned = true;
    if (!this.#over) {
      this.#parcel?.abandon();
      this.#parcel = undefined;
    }
  }

  /** Counts and logs an answer. */
  #told(command: string, answer: Reply): Reply {
    const { counters, log, route } = this.#context;
    countReply(counters, answer.code);
    if (answer.code >= 400) {
      const said = replyText(answer);
      log.info("next-hop", "refused", { session: this.#origin.session, hop: route.key, command, said });
    }
    const { scheme = "", place = route.key } = route.place ?? {};
    return { ...answer, hop: { at: scheme === "" ? place : `${scheme}:${place}`, said: replyText(answer) } };
  }

  #fail(error: unknown): Reply {
    const { counters, log, route } = this.#context;
    this.#parcel?.abandon();
    this.#parcel = undefined;
    countReply(counters, "none");
    const why = errorMessage(error);
    log.warning("next-hop", "not delivered", { session: this.#origin.session, route: route.key, why });
    this.#failure = error instanceof Late ? late : unavailable;
    return this.#failure;
  }
}
