/**
 * One client's session as checks see it: who it is, its variables, its transaction. State and effects only;
 * what is refused and why is the checks' business. Variables are qmail-spp's environment: see reference in docs/plugins.md.
 */
import type { Mailbox } from "../mail/address.ts";
import type { Effect } from "./effect.ts";

/** Both ends of the connection, as tcpserver would tell them. */
export interface Peer {
  readonly ip: string;
  readonly port: number;
  /** Host name by DNS, forward-confirmed; "" where it is not known. */
  readonly host: string;
}

/** MAIL to the answer of the final dot. Checks may hang notes on it with a WeakMap. */
export interface Transaction {
  /** Undefined for the null sender. */
  sender: Mailbox | undefined;
  readonly accepted: Mailbox[];
  /** RCPT commands that reached the checks, refused ones included: SMTPRCPTCOUNTALL. */
  asked: number;
}

/** An address as SMTPMAILFROM and SMTPRCPTTO hold it: without quotes, in the letter case in which it came; "" for the null sender. */
export function variableForm(mailbox: Mailbox | undefined): string {
  const at = mailbox?.raw.lastIndexOf("@") ?? -1;
  return mailbox === undefined ? "" : mailbox.user + (at < 0 ? "" : mailbox.raw.slice(at));
}

/** What is known of a client at some moment: its variables, and whether checks are off. */
export interface Known {
  readonly variables: ReadonlyMap<string, string>;
  readonly toldPlugins: ReadonlyMap<string, string | undefined>;
  readonly checksOff: boolean;
}

/** What `print` writes to the client, in front of the reply. */
export type Printer = (line: string) => void;

export class Session {
  readonly id: string;
  readonly client: Peer;
  readonly local: Peer;
  readonly listener: string;
  /** Session variables: tcpserver's kind, the client rule's, and what checks set. */
  readonly variables: Map<string, string>;
  /** Variables as only plugins see them, where those differ; undefined where one is not to be seen. See src/spp/host.ts. */
  readonly toldPlugins = new Map<string, string | undefined>();
  /** The argument of HELO or EHLO; "" before it. */
  helo = "";
  /** Set at MAIL. */
  transaction: Transaction | undefined;
  /** The recipient under question during RCPT; a check may change it (`address`). */
  recipient: Mailbox | undefined;
  /** Header lines for the next message, in order, without line ends, one character an octet. */
  readonly headers: string[] = [];
  /** Replies queued by `refuse-later`: raw lines that begin with their code. */
  readonly late: { mail: string[]; rcpt: string[]; data: string[] } = { mail: [], rcpt: [], data: [] };
  /** Set by `accept-session`: no check runs any more. */
  checksOff = false;
  /** The command under way, for `address`. */
  changing: "mail" | "rcpt" | undefined;
  /** When the command under way arrived, by the monotonic clock in ms. */
  commandAt = 0;
  readonly #print: Printer;

  constructor(
    id: string,
    client: Peer,
    local: Peer,
    listener: string,
    variables: ReadonlyMap<string, string>,
    print: Printer,
  ) {
    this.id = id;
    this.client = client;
    this.local = local;
    this.listener = listener;
    this.variables = new Map(variables);
    this.#print = print;
  }

  /** Whether a variable is set; its value, even an empty one, does not matter. */
  has(name: string): boolean {
    return this.variables.has(name);
  }

  /** ms since the command under way arrived, to a tenth. */
  elapsed(): number {
    return Math.round((performance.now() - this.commandAt) * 10) / 10;
  }

  /** Starts a transaction: counters go back, header lines and queued replies stay. */
  begin(sender: Mailbox | undefined): Transaction {
    this.recipient = undefined;
    this.variables.set("SMTPMAILFROM", variableForm(sender));
    this.transaction = { sender, accepted: [], asked: 0 };
    return this.transaction;
  }

  /** Ends the transaction. RSET and an accepted message also forget header lines and queued replies. */
  reset(forgetQueued: boolean): void {
    this.transaction = undefined;
    this.recipient = undefined;
    if (forgetQueued) {
      this.headers.length = 0;
      this.late.mail.length = 0;
      this.late.rcpt.length = 0;
      this.late.data.length = 0;
    }
  }

  /** What is known of the client now, for {@link restore}. */
  known(): Known {
    return {
      variables: new Map(this.variables),
      toldPlugins: new Map(this.toldPlugins),
      checksOff: this.checksOff,
    };
  }

  /** Goes back to what was known then: of some variables, or altogether. */
  restore(known: Known, names?: readonly string[]): void {
    restoreMap(this.variables, known.variables, names);
    restoreMap(this.toldPlugins, known.toldPlugins, names);
    if (names === undefined) {
      this.checksOff = known.checksOff;
    }
  }

  /** Carries out an effect at once. Texts were checked by whoever made the effect. */
  apply(effect: Effect): void {
    switch (effect.kind) {
      case "set":
        this.variables.set(effect.name, effect.value);
        break;
      case "unset":
        this.variables.delete(effect.name);
        break;
      case "header":
        this.headers.push(effect.line);
        break;
      case "address":
        this.#changeAddress(effect.mailbox);
        break;
      case "print":
        this.#print(effect.line);
        break;
      case "refuse-later":
        this.late[effect.hook].push(effect.line);
        break;
    }
  }

  #changeAddress(mailbox: Mailbox | undefined): void {
    if (this.changing === "mail" && this.transaction !== undefined) {
      this.transaction.sender = mailbox;
      this.variables.set("SMTPMAILFROM", variableForm(mailbox));
    } else if (this.changing === "rcpt" && mailbox !== undefined) {
      this.recipient = mailbox;
      this.variables.set("SMTPRCPTTO", variableForm(mailbox));
    }
  }
}

function restoreMap<T>(map: Map<string, T>, before: ReadonlyMap<string, T>, names?: readonly string[]): void {
  for (const name of names ?? [...map.keys(), ...before.keys()]) {
    const value = before.get(name);
    // A value may be undefined and yet be one.
    if (before.has(name)) {
      map.set(name, value as T);
    } else {
      map.delete(name);
    }
  }
}
