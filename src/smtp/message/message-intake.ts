/**
 * One message on its way from the client to the next hop: streamed, or held as far as a check of this transaction needs
 * it. The final dot goes on only when size, line endings and the message checks allow it. docs/design.md promise 1.
 */
import type { Need } from "../../hooks/message.ts";
import type { Outcome } from "../../hooks/outcome.ts";
import type { Session } from "../../hooks/session.ts";
import type { Step } from "../../hooks/step.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Delivery } from "../../mail/courier.ts";
import { EditedHeader } from "../../message/edit.ts";
import type { HeldMessage } from "../../message/held.ts";
import type { Reply } from "../../mail/reply.ts";
import { answers } from "../answers.ts";
import type { Response } from "../answers.ts";
import { timeForChecks } from "./deadline.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { DotReader } from "./dot-reader.ts";
import { FirstLine } from "./first-line.ts";
import type { Service } from "../service.ts";
import type { Changeable } from "./draft.ts";
import { headOf } from "./head.ts";
import { HeaderSection } from "./header-section.ts";
import { MessageReport } from "./message-report.ts";
import { MessageChecks } from "./message-checks.ts";
import { refusalOf } from "./refusal.ts";
import { EditedWay, HeldWay } from "./ways.ts";
import type { Way } from "./ways.ts";

/** What a chunk came to. */
export interface Taken {
  /** Bytes behind the final dot; undefined while the message continues. */
  readonly rest: Buffer | undefined;
  /** The next hop has enough for now: wait for {@link MessageIntake.drained}. */
  readonly full: boolean;
  /** Too large by so much that the connection must end. */
  readonly cut: boolean;
}

/** How one message is taken in. */
export interface IntakeOptions {
  /** For the Received field, RFC 3848. */
  readonly protocol: string;
  /** It comes by BDAT: {@link MessageIntake.endLine} says when it ends. */
  readonly chunked: boolean;
  readonly recipients: readonly Mailbox[];
  /** Bare CR, LF and NUL are normalised, instead of refused. */
  readonly normalise: boolean;
  /** Bytes; 0 is not a limit. */
  readonly limit: number;
  readonly need: Need;
  /** The checks that need more than the header. */
  readonly demanding: readonly Step[];
  /** Where the need is `whole`. */
  readonly held?: HeldMessage;
}

export class MessageIntake {
  readonly #service: Service;
  readonly #session: Session;
  readonly #delivery: Delivery;
  readonly #checks: MessageChecks;
  readonly #way: Way;
  /** Where the header section is held, it is here and not on its way. */
  readonly #keepsHeader: boolean;
  readonly #held: HeldMessage | undefined;
  readonly #recipients: readonly Mailbox[];
  readonly #reader: DotReader | ChunkReader;
  readonly #firstLine = new FirstLine();
  readonly #limit: number;
  readonly #report: MessageReport;
  readonly #sender: Mailbox | undefined;
  #bytes = 0;
  readonly #header = new HeaderSection();
  /** Hook `header` was begun: what it comes to. */
  #headerOutcome: Outcome | Promise<Outcome> | undefined;
  #discarding = false;
  #finishing = false;

  constructor(service: Service, session: Session, delivery: Delivery, options: IntakeOptions) {
    const { recipients, normalise, limit, need, demanding, held } = options;
    this.#service = service;
    this.#session = session;
    this.#delivery = delivery;
    this.#reader = options.chunked ? new ChunkReader(normalise) : new DotReader(normalise);
    this.#limit = limit;
    this.#keepsHeader = need === "edit" || need === "whole";
    this.#held = held;
    this.#recipients = recipients;
    this.#sender = session.transaction?.sender;
    this.#report = new MessageReport(session, recipients);
    this.#checks = new MessageChecks(service, session, demanding, () => ({
      header: this.#header.text,
      bytes: this.#bytes,
    }));
    const head = headOf(service, session, options.protocol);
    if (held !== undefined) {
      this.#way = new HeldWay(delivery, held, head);
    } else {
      this.#way = need === "edit" ? new EditedWay(delivery) : delivery;
      delivery.write(Buffer.from(head(recipients), "latin1"));
    }
  }

  /** Message bytes so far, in wire form. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whatever is still to come, it is going to be refused. */
  get hopeless(): boolean {
    return this.#reader.defect || (this.#limit > 0 && this.#bytes > this.#limit);
  }

  /** The message is complete, and will have an answer. */
  get finishing(): boolean {
    return this.#finishing;
  }

  /** Takes the next bytes from the wire. */
  take(chunk: Buffer): Taken {
    const { body, rest } = this.#reader.push(chunk);
    const full = !this.#pass(body);
    return { rest, full, cut: this.#limit > 0 && this.#bytes > this.#limit + this.#service.limits.messageExcess };
  }

  /** The last chunk has come (BDAT LAST): its line need not have ended. */
  endLine(): void {
    if (this.#reader instanceof ChunkReader) {
      this.#pass(this.#reader.end());
    }
  }

  /** False: the next hop has enough for now. */
  #pass(sent: Buffer): boolean {
    this.#bytes += sent.length;
    if (this.hopeless) {
      this.#discard();
    }
    const body = this.#firstLine.push(sent);
    return this.#discarding || body.length === 0 || this.#passOn(body);
  }

  #passOn(body: Buffer): boolean {
    const within = this.#header.open ? this.#header.push(body) : 0;
    const rest = within === 0 ? body : body.subarray(within);
    const sent = this.#keepsHeader ? rest : body;
    const goesOn = sent.length === 0 || this.#way.write(sent);
    if (this.#header.open) {
      return goesOn;
    }
    if (this.#headerOutcome === undefined) {
      this.#seeHeader();
    }
    return this.#checks.taps.take(rest) && goesOn;
  }

  /** The empty line was seen, or the message has none. */
  #seeHeader(): void {
    if (this.#keepsHeader && this.#header.cut) {
      this.#discard();
      return;
    }
    const message: Changeable | undefined = this.#keepsHeader
      ? {
          header: new EditedHeader(this.#header.text),
          held: this.#held,
          sender: this.#sender,
          recipients: this.#recipients,
        }
      : undefined;
    const settle = (outcome: Outcome): Outcome => {
      if (refusalOf(outcome) !== undefined) {
        this.#discard();
      }
      if (message !== undefined) {
        this.#way.release?.(message);
      }
      return outcome;
    };
    const outcome = this.#checks.header(message);
    this.#headerOutcome = outcome instanceof Promise ? outcome.then(settle) : settle(outcome);
    if (!this.#checks.taps.empty) {
      this.#checks.taps.take(Buffer.from(this.#header.text, "latin1"));
    }
  }

  /** Resolves when the next hop, and every check that listens, takes more. */
  async drained(): Promise<void> {
    await this.#checks.taps.drained();
    await (this.#discarding ? undefined : this.#way.drained());
  }

  /** The message is whole: decides, and lets the next hop answer. */
  async finish(): Promise<Response> {
    this.#finishing = true;
    const ended = performance.now();
    try {
      const answer = await this.#decide();
      return this.#report.conclude(this.#service, answer, { bytes: this.#bytes, header: this.#header.text, ended });
    } finally {
      this.#checks.close();
      this.#held?.close();
    }
  }

  /** The client went away: the next hop must not see a final dot, and no check needs to go on. */
  abandon(): void {
    this.#delivery.abandon();
    this.#checks.close();
    if (!this.#finishing) {
      this.#held?.close();
    }
  }

  async #decide(): Promise<Response> {
    const early = this.#refusal();
    if (early !== undefined) {
      return { reply: early, close: false };
    }
    if (this.#headerOutcome === undefined) {
      this.#seeHeader();
    }
    this.#checks.begin(timeForChecks(this.#service.limits.messageChecks, this.#delivery.answerTime));
    const header = await this.#headerOutcome;
    // What streams need not have left before the checks answer.
    await (this.#keepsHeader ? this.drained() : this.#checks.taps.drained());
    const refused = (header && refusalOf(header)) ?? this.#unheld();
    if (refused !== undefined) {
      return refused;
    }
    const refusal = refusalOf(await this.#checks.message());
    if (refusal !== undefined) {
      this.#delivery.abandon();
      return refusal;
    }
    return { reply: await this.#way.finish(), close: false };
  }

  #refusal(): Reply | undefined {
    if (this.#limit > 0 && this.#bytes > this.#limit) {
      return answers.tooLarge;
    }
    return this.#reader.defect ? answers.bareNewlines : undefined;
  }

  /** A message that had to be held, and could not be. */
  #unheld(): Response | undefined {
    const fault = this.#held?.fault;
    if (fault !== undefined) {
      this.#service.log.error("message", "cannot be spooled", { session: this.#session.id, why: fault.message });
      this.#discard();
      return { reply: answers.spoolFull, close: false };
    }
    const cut = this.#header.cut && this.#keepsHeader;
    return cut ? { reply: answers.headerTooLarge, close: false } : undefined;
  }

  #discard(): void {
    if (!this.#discarding) {
      this.#discarding = true;
      this.#delivery.abandon();
      this.#checks.taps.abandon();
    }
  }
}
