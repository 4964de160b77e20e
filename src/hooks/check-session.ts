/** One client's session as checks see it: facts to read, and `apply` for what may be changed. */
import type { Mailbox } from "../mail/address.ts";
import type { Effect } from "./effect.ts";
import type { RecipientResults } from "./recipient-results.ts";

/** Both ends of the connection, as tcpserver would set them. */
export interface Peer {
  readonly ip: string;
  readonly port: number;
  /** Host name by DNS, forward-confirmed; "" if it is not known. */
  readonly host: string;
}

/** One RCPT command. A check may change the address (`address`); notes stay with it. */
export interface Recipient {
  readonly mailbox: Mailbox;
  /** The addresses sent to the next hop in its place, by `expand`: the checks know then that it exists. */
  readonly expansion?: readonly [Mailbox, ...Mailbox[]] | undefined;
}

/** MAIL to the reply to the final dot. */
export interface CheckTransaction {
  /** Undefined for the null sender. */
  readonly sender: Mailbox | undefined;
  /** Of MAIL, as they came: "SIZE=100". */
  readonly parameters: readonly string[];
  /** Of the RCPT under question: "NOTIFY=NEVER". */
  readonly recipientParameters: readonly string[];
  readonly accepted: readonly Recipient[];
  /** Set by the effect `each`: where checks of content note what they find for single recipients. */
  readonly results: RecipientResults | undefined;
  /** RCPT commands that reached the checks, refused ones included: SMTPRCPTCOUNTALL. */
  readonly asked: number;
}

/** The status of the client, from any source. */
export interface Standing {
  /** RELAYCLIENT: may send anywhere. */
  readonly relayClient: boolean;
  /** NOGOODMAILTO: recipients are not looked up. */
  readonly bypass: boolean;
  /** SMTPAUTHUSER: who has logged in. */
  readonly user: string | undefined;
  /** A check took the client, or the sender of this transaction, from all others. */
  readonly whitelisted: boolean;
}

/** Replies that plugins queued, as raw lines that begin with their code. */
export interface QueuedReplies {
  readonly mail: readonly string[];
  readonly rcpt: readonly string[];
  readonly data: readonly string[];
}

/** The session of a client, as checks see it. */
export interface CheckSession {
  readonly id: string;
  /** The id of the message under way, or that of the session while there is none. */
  readonly ref: string;
  readonly client: Peer;
  readonly local: Peer;
  readonly listener: string;
  /** The argument of HELO or EHLO; "" before it. */
  readonly helo: string;
  readonly standing: Standing;
  /** Undefined before MAIL. */
  readonly transaction: CheckTransaction | undefined;
  /** The RCPT command under way. */
  readonly rcpt: Recipient | undefined;
  /** Its address. */
  readonly recipient: Mailbox | undefined;
  /** Session variables: tcpserver's kind, the client rule's, and what checks set. */
  readonly variables: ReadonlyMap<string, string>;
  /** Variables as only plugins see them, where those differ. */
  readonly toldPlugins: ReadonlyMap<string, string | undefined>;
  /** Header lines for the next message. */
  readonly headers: readonly string[];
  readonly late: QueuedReplies;
  /** Points of checks in mode score: of the session and of the transaction together. */
  readonly points: number;
  /** Whether a variable is set; its value, even an empty one, does not matter. */
  has(name: string): boolean;
  /** Carries out an effect at once. */
  apply(effect: Effect): void;
}
