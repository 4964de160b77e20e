/**
 * One client's session as checks see it: its variables, its transaction. State and effects only; what is refused and
 * why is the checks' business. Variables are qmail-spp's environment: docs/plugins.md.
 */
// The global one is a getter, which no compiled code looks behind.
import { performance } from "node:perf_hooks";

import { readAgain, readAllAgain } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { timeOfTurn } from "../mail/end-of-turn.ts";
import type { CheckSession, Peer, Recipient, Standing } from "./check-session.ts";
import { isDecision } from "./effect.ts";
import type { Effect } from "./effect.ts";
import type { Known } from "./known.ts";
import { LateVariables } from "./late-variables.ts";
import { forgetOptions, takeOptions } from "./recipient-options.ts";
import { restoreMap } from "./restore-map.ts";
import { Suspicion } from "./suspicion.ts";
import type { Pending } from "./suspicion.ts";
import { newTransaction, openResults } from "./transaction.ts";
import type { Transaction } from "./transaction.ts";
import { variableForm } from "./variable-form.ts";

/** What `print` writes to the client, in front of the reply. */
export type Printer = (line: string) => void;

export class Session implements CheckSession {
  readonly id: string;
  readonly client: Peer;
  readonly local: Peer;
  readonly listener: string;
  /** Session variables; most ask for {@link Session.variables}. */
  readonly lateVariables: LateVariables;
  /**
   * Variables as only plugins see them, where those differ; undefined if one is not to be seen. See src/spp/host.ts.
   */
  readonly toldPlugins = new Map<string, string | undefined>();
  /** The argument of HELO or EHLO; "" before it. */
  helo = "";
  /** Set at MAIL. */
  transaction: Transaction | undefined;
  #suspicion = new Suspicion();
  /** A check took this client from the others. */
  clientWhitelisted = false;
  /** Header lines for the next message, in order, without line endings, one character an octet. */
  readonly headers: string[] = [];
  /** Replies queued by `refuse-later`: raw lines that begin with their code. */
  readonly late: { mail: string[]; rcpt: string[]; data: string[] } = { mail: [], rcpt: [], data: [] };
  /** Set by `accept-session`. */
  checksOff = false;
  #policyOff = false;
  /** The check that is asked now is in mode observe. */
  observing = false;
  /** The command under way, for `address`. */
  changing: "mail" | "rcpt" | undefined;
  /** When the command under way arrived, by the monotonic clock in ms. */
  commandAt = 0;
  /** How many effects were carried out: while it stays the same, no check has changed anything. */
  effects = 0;
  commands = 0;
  /** Of MAIL commands that began one. */
  #transactions = 0;
  #rcpt: { mailbox: Mailbox; expansion?: Recipient["expansion"] } | undefined;
  readonly #print: Printer;

  /** @param variables become the session's own */
  constructor(id: string, client: Peer, local: Peer, listener: string, variables: Map<string, string>, print: Printer) {
    this.id = id;
    this.client = client;
    this.local = local;
    this.listener = listener;
    this.lateVariables = new LateVariables(variables);
    this.#print = print;
  }

  /** Session variables: tcpserver's kind, the client rule's, and what checks set. */
  get variables(): Map<string, string> {
    return this.lateVariables.all;
  }

  /** A command line has come. */
  noteCommand(): void {
    this.commandAt = timeOfTurn();
    this.commands += 1;
  }

  /** What a sender may quote: the id of the message under way, or that of the session. */
  get ref(): string {
    return this.transaction?.ref ?? this.id;
  }

  /** The RCPT command under way. */
  get rcpt(): Recipient | undefined {
    return this.#rcpt;
  }

  get recipient(): Mailbox | undefined {
    return this.#rcpt?.mailbox;
  }

  set recipient(mailbox: Mailbox | undefined) {
    this.#rcpt = mailbox === undefined ? undefined : { mailbox };
    forgetOptions(this.lateVariables.others);
  }

  get whitelisted(): boolean {
    return this.clientWhitelisted || this.transaction?.whitelisted === true;
  }

  /** No check of stage policy runs any more, by `whitelist`. */
  get policyOff(): boolean {
    return this.#policyOff || this.transaction?.policyOff === true;
  }

  get standing(): Standing {
    return {
      relayClient: this.has("RELAYCLIENT"),
      bypass: this.has("NOGOODMAILTO"),
      user: this.lateVariables.others.get("SMTPAUTHUSER"),
      whitelisted: this.whitelisted,
    };
  }

  get points(): number {
    return this.#suspicion.points + (this.transaction?.suspicion.points ?? 0);
  }

  /** What speaks against the client now: of the transaction under way, before MAIL of the session. */
  get suspicion(): Suspicion {
    return this.transaction?.suspicion ?? this.#suspicion;
  }

  /** Refusals that wait for RCPT. */
  get pending(): readonly Pending[] {
    const early = this.#suspicion.pending;
    const late = this.transaction?.suspicion.pending ?? [];
    return early.length === 0 ? late : [...early, ...late];
  }

  /** The client greets again: findings about its former greeting do not count. */
  forgetGreeting(): void {
    this.#suspicion.forget("helo");
  }

  /** Whether a variable is set; its value, even an empty one, does not matter. */
  has(name: string): boolean {
    return this.lateVariables.with(name).has(name);
  }

  /** ms since the command under way arrived, to a tenth. */
  elapsed(): number {
    return Math.round((performance.now() - this.commandAt) * 10) / 10;
  }

  /** Starts a transaction: counters go back, header lines and queued replies stay. */
  begin(sender: Mailbox | undefined, parameters: readonly string[] = []): Transaction {
    this.recipient = undefined;
    this.lateVariables.others.set("SMTPMAILFROM", variableForm(sender));
    this.transaction = newTransaction(sender, parameters, `${this.id}-${++this.#transactions}`);
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
      whitelisted: this.clientWhitelisted,
      policyOff: this.#policyOff,
      suspicion: new Suspicion(this.#suspicion),
    };
  }

  /** Goes back to what was known then: of some variables, or altogether. */
  restore(known: Known, names?: readonly string[]): void {
    restoreMap(this.variables, known.variables, names);
    restoreMap(this.toldPlugins, known.toldPlugins, names);
    if (names === undefined) {
      this.checksOff = known.checksOff;
      this.clientWhitelisted = known.whitelisted;
      this.#policyOff = known.policyOff;
      this.#suspicion = new Suspicion(known.suspicion);
    }
  }

  /** Carries out an effect at once. Texts were checked by whoever made the effect. */
  apply(effect: Effect): void {
    if (this.observing && isDecision(effect)) {
      return;
    }
    this.effects += 1;
    switch (effect.kind) {
      case "set":
        this.variables.set(effect.name, effect.value);
        break;
      case "unset":
        this.variables.delete(effect.name);
        break;
      case "tell-plugins":
        this.toldPlugins.set(effect.name, effect.value);
        break;
      case "whitelist":
        this.#whitelist(effect.owner, effect.policyOff === true);
        break;
      case "header":
        this.headers.push(effect.line);
        break;
      case "address":
        this.#changeAddress(effect.mailbox && readAgain(effect.mailbox));
        break;
      case "each":
      case "expand":
      case "options":
      case "redirect":
        this.#plan(effect);
        break;
      case "print":
        this.#print(effect.line);
        break;
      case "refuse-later":
        this.late[effect.hook].push(effect.line);
        break;
    }
  }

  #plan(effect: Extract<Effect, { kind: "each" | "expand" | "options" | "redirect" }>): void {
    if (effect.kind === "each") {
      openResults(this.transaction);
    } else if (effect.kind === "options") {
      takeOptions(this, this.variables, effect.options);
    } else if (effect.kind === "expand" && this.#rcpt !== undefined) {
      this.#rcpt.expansion = readAllAgain(effect.mailboxes);
    } else if (effect.kind === "redirect" && this.transaction !== undefined) {
      this.transaction.redirection = { ...effect, mailboxes: readAllAgain(effect.mailboxes) };
    }
  }

  #whitelist(owner: "session" | "transaction", policyOff: boolean): void {
    if (owner === "session") {
      this.clientWhitelisted = true;
      this.#policyOff ||= policyOff;
    } else if (this.transaction !== undefined) {
      this.transaction.whitelisted = true;
      this.transaction.policyOff ||= policyOff;
    }
  }

  #changeAddress(mailbox: Mailbox | undefined): void {
    if (this.changing === "mail" && this.transaction !== undefined) {
      this.transaction.sender = mailbox;
      this.variables.set("SMTPMAILFROM", variableForm(mailbox));
    } else if (this.changing === "rcpt" && mailbox !== undefined) {
      this.changeRecipient(mailbox);
      this.variables.set("SMTPRCPTTO", variableForm(mailbox));
    }
  }

  /** Gives the recipient under question another address; its notes stay. */
  changeRecipient(mailbox: Mailbox): void {
    this.#rcpt ??= { mailbox };
    this.#rcpt.mailbox = mailbox;
  }
}
