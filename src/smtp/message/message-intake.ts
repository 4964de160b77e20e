/**
 * One message on its way from the client to the next hop: streamed, nothing on disk. The final dot goes on
 * only when size, line ends and the message checks allow it. DESIGN.md promise 1.
 */
import type { Outcome } from "../../hooks/outcome.ts";
import type { HeaderView } from "../../hooks/message.ts";
import type { Session } from "../../hooks/session.ts";
import type { Verdict } from "../../hooks/verdict.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Delivery } from "../../mail/courier.ts";
import { labelsBy } from "../../report/counters.ts";
import { receivedField } from "../../mail/received.ts";
import type { Reply } from "../../mail/reply.ts";
import { answers } from "../answers.ts";
import { DotReader } from "./dot-reader.ts";
import { FirstLine } from "./first-line.ts";
import type { Service } from "../service.ts";

/** How much of the header section the message checks see. */
const headerLimit = 262_144;
const byCode = labelsBy("code");

/** What a chunk came to. */
export interface Taken {
  /** Bytes behind the final dot; undefined while the message goes on. */
  readonly rest: Buffer | undefined;
  /** The next hop has enough for now: wait for {@link MessageIntake.drained}. */
  readonly full: boolean;
  /** So much too large that the connection must end. */
  readonly cut: boolean;
}

/** How one message is taken in. */
export interface IntakeOptions {
  /** For the Received field, RFC 3848. */
  readonly protocol: string;
  readonly recipients: readonly Mailbox[];
  /** Bare CR, LF and NUL are made whole, instead of refused. */
  readonly normalise: boolean;
  /** Bytes; 0 is no limit. */
  readonly limit: number;
}

export class MessageIntake {
  readonly #service: Service;
  readonly #session: Session;
  readonly #delivery: Delivery;
  readonly #reader: DotReader;
  readonly #firstLine = new FirstLine();
  readonly #limit: number;
  /** For the log: a client that goes while the next hop answers takes the transaction with it. */
  readonly #envelope: { readonly from: string; readonly recipients: number };
  #bytes = 0;
  /** Header text until the empty line, then complete. */
  #header = "";
  #inHeader = true;
  /** The last three characters, and whether there were any: the end of the header may lie across chunks. */
  #tail = "";
  #begun = false;
  #discarding = false;

  constructor(
    service: Service,
    session: Session,
    delivery: Delivery,
    { protocol, recipients, normalise, limit }: IntakeOptions,
  ) {
    this.#service = service;
    this.#session = session;
    this.#delivery = delivery;
    this.#reader = new DotReader(normalise);
    this.#limit = limit;
    this.#envelope = { from: session.transaction?.sender?.raw ?? "", recipients: recipients.length };
    const trace = receivedField({
      helo: session.helo,
      host: session.client.host,
      ip: session.client.ip,
      by: service.hostname,
      protocol,
      id: session.id,
      recipient: recipients.length === 1 ? recipients[0]?.raw : undefined,
      at: new Date(service.now()),
    });
    // A field name may begin with a dot; on the wire it is stuffed like any other line.
    const lines = session.headers.map((line) => `${line.startsWith(".") ? "." : ""}${line}\r\n`).join("");
    delivery.write(Buffer.from(trace + lines, "latin1"));
  }

  /** Message bytes so far, in wire form. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next bytes from the wire. */
  take(chunk: Buffer): Taken {
    const { body: sent, rest } = this.#reader.push(chunk);
    this.#bytes += sent.length;
    const limit = this.#limit;
    if (limit > 0 && this.#bytes > limit) {
      this.#discard();
    }
    if (this.#reader.defect) {
      this.#discard();
    }
    const body = this.#firstLine.push(sent);
    this.#collectHeader(body);
    const full = !this.#discarding && body.length > 0 && !this.#delivery.write(body);
    return { rest, full, cut: limit > 0 && this.#bytes > limit + this.#service.limits.messageExcess };
  }

  /** Resolves when the next hop takes more. */
  drained(): Promise<void> {
    return this.#delivery.drained();
  }

  /** The message is whole: decides, and lets the next hop answer. */
  async finish(): Promise<{ reply: Reply | undefined; close: boolean }> {
    const answer = await this.#decide();
    if (answer === undefined) {
      return { reply: undefined, close: true };
    }
    this.#service.counters.add("messages", byCode(answer.reply.code));
    this.#service.log.info("message", answer.reply.code < 300 ? "delivered" : "not delivered", {
      session: this.#session.id,
      ...this.#envelope,
      bytes: this.#bytes,
      code: answer.reply.code,
    });
    return answer;
  }

  /** The client went away in the middle: the next hop must not see a final dot. */
  abandon(): void {
    this.#delivery.abandon();
  }

  async #decide(): Promise<{ reply: Reply; close: boolean } | undefined> {
    const limit = this.#limit;
    if (limit > 0 && this.#bytes > limit) {
      return { reply: answers.tooLarge, close: false };
    }
    if (this.#reader.defect) {
      return { reply: answers.bareNewlines, close: false };
    }
    const facts: HeaderView = { bytes: this.#bytes, header: this.#header };
    const { verdict }: Outcome = await this.#service.pipeline.run("message", this.#session, "policy", facts);
    const refusal = refusalOf(verdict);
    if (refusal !== undefined) {
      this.#delivery.abandon();
      return refusal.reply === undefined ? undefined : { reply: refusal.reply, close: refusal.close };
    }
    return { reply: await this.#delivery.finish(), close: false };
  }

  #discard(): void {
    if (!this.#discarding) {
      this.#discarding = true;
      this.#delivery.abandon();
    }
  }

  #collectHeader(body: Buffer): void {
    if (!this.#inHeader || this.#discarding) {
      return;
    }
    const room = headerLimit - this.#header.length;
    const text = body.toString("latin1", 0, Math.min(body.length, room));
    // Only the new bytes and three before them are searched: one byte a packet must not cost the square of it.
    const seam = `${this.#begun ? this.#tail : "\r\n"}${text}`;
    const end = seam.indexOf("\r\n\r\n");
    this.#header += end < 0 ? text : text.slice(0, Math.max(0, end + 2 - (seam.length - text.length)));
    this.#tail = seam.slice(-3);
    this.#begun ||= text.length > 0;
    this.#inHeader = end < 0 && this.#header.length < headerLimit;
  }
}

function refusalOf(verdict: Verdict): { reply: Reply | undefined; close: boolean } | undefined {
  switch (verdict.kind) {
    case "refuse":
      return { reply: verdict.reply, close: verdict.close === true };
    case "drop":
      return { reply: undefined, close: true };
    case "pass":
    case "next":
    case "ok":
    case "accept-session":
      return undefined;
  }
}
