/**
 * What the SMTP side asks of a next hop, and nothing of how it is done. One transaction, one next hop;
 * every answer is the hop's own, or the relay's own 4xx if the hop gave none. docs/design.md promise 1.
 */
import type { Mailbox } from "./address.ts";
import type { Reply } from "./reply.ts";

/** Extensions of SMTP that only a next hop can provide. */
export interface Offered {
  /** Delivery status notifications as the sender wants them, RFC 3461. */
  readonly dsn: boolean;
  /** Addresses in UTF-8, RFC 6531. */
  readonly smtputf8: boolean;
}

export const nothingOffered: Offered = { dsn: false, smtputf8: false };

/** What MAIL FROM said. */
export interface Envelope {
  /** The reverse path; undefined for the null sender `<>`. */
  readonly sender: Mailbox | undefined;
  /** BODY=8BITMIME was given, RFC 6152. */
  readonly eightBit: boolean;
  /** SIZE=n in bytes, RFC 1870; 0 if it was not given. */
  readonly size: number;
  /** RET and ENVID as the client wrote them, each behind a blank, for a hop that offers DSN; not given: none. */
  readonly dsn?: string;
  /** SMTPUTF8 was given, RFC 6531: addresses, and header fields, may be in UTF-8. */
  readonly utf8?: boolean;
}

/** A client as its session knows it. */
export interface ClientFacts {
  readonly session: string;
  readonly ip: string;
  readonly port: number;
  /** "" if it is not known. */
  readonly host: string;
  readonly helo: string;
  readonly protocol: "SMTP" | "ESMTP";
  /** "" without one. */
  readonly login: string;
  readonly local: { readonly ip: string; readonly port: number };
}

/** Who sends, for the Received field and for logs. */
export interface Origin {
  readonly session: string;
  /** The id of the message. */
  readonly ref?: string;
  readonly ip: string;
  /** For hops that want to know it. Undefined: the message is the relay's own, or the client is gone. */
  readonly client?: (() => ClientFacts) | undefined;
}

/** How a next hop is, as far as this process knows. */
export interface HopState {
  /** "inside.example:25". */
  readonly hop: string;
  /** Open ones, in use or kept. */
  readonly connections: number;
  /** Why it is not tried for a moment; null: it may be. */
  readonly rests: string | null;
}

/** The courier of a relay that runs. */
export interface RunningCourier extends Courier {
  /** Lets go of unused connections. */
  close(): void;
  /** Resolves when what hops offer is known, or a start has waited long enough for it. Not given: at once. */
  heard?(): Promise<void>;
  /** The next hops that were used, or tried, and how they are. */
  hops(): readonly HopState[];
}

/** Opens transactions. */
export interface Courier {
  /** Starts a transaction; connects at the first recipient. */
  begin(envelope: Envelope, origin: Origin): Delivery;
  /** What every next hop is known to offer. Not given: nothing. */
  offered?(): Offered;
}

/** One transaction with one next hop. */
export interface Delivery {
  /**
   * MAIL (at the first call) and RCPT; the hop's answer. 452 4.5.3 where the recipient routes elsewhere, or needs a
   * message of its own.
   * @param together it is one recipient of the client with the previous one, of which it shares the fate
   * @param dsn NOTIFY and ORCPT, each behind a blank, for a hop that offers DSN
   */
  recipient(mailbox: Mailbox, together?: boolean, dsn?: string): Promise<Reply>;
  /**
   * Before {@link data}: makes the hop know just this sender and these recipients, on another connection if the first
   * one is gone, or at another hop if all of them go there. Nothing is said if it knows them already. Undefined: done;
   * else the refusal.
   */
  plan(sender: Mailbox | undefined, recipients: readonly Mailbox[]): Promise<Reply | undefined>;
  /** How long the hop may take to answer the final dot, in ms. */
  readonly answerTime: number;
  /** DATA; 354 from the hop, or its refusal. */
  data(): Promise<Reply>;
  /** Sends message bytes in wire form (dot-stuffed, CRLF). False: wait for {@link drained}. */
  write(chunk: Buffer): boolean;
  /** Resolves when more may be written; rejects never: a broken hop drains at once and answers in {@link finish}. */
  drained(): Promise<void>;
  /** The final dot; the hop's answer. */
  finish(): Promise<Reply>;
  /** Ends the transaction without a message: RSET between messages, a cut connection in the middle of one. */
  abandon(): void;
}
