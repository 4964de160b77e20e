/**
 * One client's session at one milter: one connection, opened when the client connects, and again for a later message
 * if it broke. What the milter answers holds as long as in Postfix: for the session, the transaction, or the command.
 */
import type { CheckSession } from "../hooks/check-session.ts";
import type { BodyView, WholeEdits } from "../hooks/message.ts";
import type { PlaceGuard } from "../hooks/scanner.ts";
import { errorMessage } from "../report/error-message.ts";
import type { MilterAnswer } from "./answer.ts";
import { addressData, connectionData } from "./commands.ts";
import { MilterConnection } from "./connection.ts";
import type { SmallChange } from "./gathered.ts";
import { Link } from "./link.ts";
import type { MilterOptions } from "./link.ts";
import { showMessage } from "./message.ts";
import { packet, text } from "./packet.ts";
import { nothing, unavailable } from "./said.ts";
import type { Said, SaidOfMessage } from "./said.ts";

export class MilterSession {
  readonly #session: CheckSession;
  readonly #options: MilterOptions;
  readonly #guard: PlaceGuard;
  #connection: MilterConnection | undefined;
  #link: Link | undefined;
  /** Nothing more is asked in this session: the milter has accepted it, or the client is gone. */
  #isOver = false;
  /** The milter knows of a transaction, and has not given a verdict on its message. */
  #isOpen = false;
  /** It has answered to MAIL of this transaction. */
  #isTold = false;
  /** HELO came when it could not be passed to the milter. */
  #owesHelo = false;
  #inTransaction = false;
  /** Recipients of this transaction that it knows and did not refuse. */
  #recipients = 0;
  /** What holds for the rest of the transaction. */
  #settled: Said | undefined;
  #isBusy = false;

  constructor(session: CheckSession, options: MilterOptions, guard: PlaceGuard) {
    this.#session = session;
    this.#options = options;
    this.#guard = guard;
  }

  connected(): Promise<Said> {
    return this.#ask(() => this.#connect());
  }

  /** A milter that does not answer is tried again at MAIL. */
  async greeted(): Promise<Said> {
    if (this.#link?.isOpen !== true || this.#session.transaction !== undefined) {
      // A transaction survives a HELO that is refused.
      this.#owesHelo = true;
      return nothing;
    }
    return this.#ask(() => {
      this.#abort();
      return this.#greet();
    });
  }

  mail(): Promise<Said> {
    this.#inTransaction = true;
    this.#settled = undefined;
    this.#recipients = 0;
    return this.#ask(async () => {
      const before = await this.#prepare();
      if (before.kind !== "nothing" || this.#isOver) {
        return before;
      }
      this.#isOpen = true;
      const { sender, parameters } = this.#session.transaction ?? {};
      const answer = await this.#needed.tell("M", addressData(sender, parameters));
      this.#isTold = true;
      return this.#judge(answer);
    });
  }

  /** The milter knows the client, and of no transaction. */
  async #prepare(): Promise<Said> {
    if (this.#link?.isOpen !== true) {
      const said = await this.#connect();
      if (said.kind !== "nothing" || this.#isOver) {
        return said;
      }
      this.#owesHelo = true;
    }
    this.#abort();
    return this.#owesHelo ? this.#greet() : nothing;
  }

  rcpt(): Promise<Said> {
    return this.#ask(async () => {
      const { recipient, transaction } = this.#session;
      const said = this.#judge(await this.#needed.tell("R", addressData(recipient, transaction?.recipientParameters)));
      this.#recipients += said.kind === "nothing" ? 1 : 0;
      return said;
    });
  }

  data(): Promise<Said> {
    return this.#ask(async () => {
      const link = this.#needed;
      if (this.#recipients === 0) {
        // `unless` or a client rule kept all of them from it: the protocol has no message without recipients.
        return (this.#settled = nothing);
      }
      return this.#judge(await link.tell("T"));
    });
  }

  /** Whether it is to see the message of this transaction. */
  get wantsMessage(): boolean {
    return !this.#isOver && this.#inTransaction && this.#settled === undefined && this.#recipients > 0;
  }

  async message(view: BodyView & WholeEdits): Promise<SaidOfMessage> {
    let changes: readonly SmallChange[] = [];
    const giveUp = (): void => this.#connection?.cut(new Error("no verdict in time"));
    view.signal.addEventListener("abort", giveUp, { once: true });
    try {
      const said = await this.#ask(async () => {
        const result = await showMessage(this.#needed, view);
        this.#isOpen = !result.isComplete;
        changes = result.changes;
        return this.#judge(result.answer);
      });
      return said.kind === "nothing" ? { kind: "changes", changes } : said;
    } finally {
      view.signal.removeEventListener("abort", giveUp);
    }
  }

  /** A command that nobody knows. Its answer counts for nothing. */
  async unknown(line: string): Promise<void> {
    const link = this.#link;
    if (link?.isOpen === true) {
      await this.#ask(() => link.tell("U", text(line)).then(() => nothing));
    }
  }

  /** The transaction is over. */
  concluded(): void {
    this.#inTransaction = false;
    this.#settled = undefined;
    if (this.#isBusy) {
      // The client went away while the milter was asked: what it answers would be taken for another answer.
      this.#connection?.cut(new Error("the client is gone"));
    } else if (this.#link?.isOpen === true) {
      this.#abort();
      if (this.#isTold) {
        this.#guard.succeeded();
      }
    }
    this.#isTold = false;
  }

  /** The session is over. */
  end(): void {
    this.#isOver = true;
    if (this.#isBusy || this.#link === undefined) {
      this.#connection?.cut(new Error("the client is gone"));
    } else {
      this.#connection?.end(packet("Q"));
    }
  }

  /** Asks nothing more in this session. */
  giveUp(): void {
    this.#isOver = true;
  }

  /** The one place where a failure of the milter becomes an answer. */
  async #ask(question: () => Promise<Said>): Promise<Said> {
    if (this.#isOver || this.#settled !== undefined) {
      return this.#isOver ? nothing : (this.#settled ?? nothing);
    }
    this.#isBusy = true;
    try {
      return await question();
    } catch (error) {
      return this.#failed(error);
    } finally {
      this.#isBusy = false;
    }
  }

  #failed(error: unknown): Said {
    this.#connection?.cut(new Error("it failed"));
    this.#connection = this.#link = undefined;
    this.#isOpen = false;
    if (this.#isOver) {
      this.#guard.withdrew();
      return nothing;
    }
    this.#guard.failed(errorMessage(error));
    return this.#missed();
  }

  /** The milter is not there for this transaction, or was not there before it. */
  #missed(): Said {
    this.#settled = this.#inTransaction ? unavailable : undefined;
    return unavailable;
  }

  async #connect(): Promise<Said> {
    if (!this.#guard.admit()) {
      this.#guard.unasked();
      return this.#missed();
    }
    this.#link = undefined;
    const connection = (this.#connection = new MilterConnection(this.#options.place));
    const link = (this.#link = await Link.agree(connection, this.#session, this.#options));
    const answer = await link.tell("C", connectionData(this.#session.client));
    // Whether it works is known after a transaction: one that hangs at each message takes every connection.
    this.#guard.withdrew();
    return this.#judge(answer, true);
  }

  async #greet(): Promise<Said> {
    this.#owesHelo = false;
    const name = this.#session.variables.get("SMTPHELOHOST") ?? "";
    return this.#judge(await this.#needed.tell("H", text(name)), true);
  }

  get #needed(): Link {
    if (this.#link === undefined) {
      throw new Error("no connection");
    }
    return this.#link;
  }

  /** The transaction at the milter ends without a verdict. */
  #abort(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#needed.abort();
    }
  }

  /** What an answer means, and how long it holds. @param ofSession of the client, not of a transaction @throws Error if it must not come here */
  #judge(answer: MilterAnswer, ofSession = false): Said {
    switch (answer.kind) {
      case "continue":
        return nothing;
      case "accept":
        this.#isOver ||= ofSession;
        this.#settled = nothing;
        return nothing;
      case "discard": {
        const said: Said = { kind: "against", answer };
        this.#settled = ofSession ? undefined : said;
        return said;
      }
      case "reject":
      case "defer":
      case "fail":
      case "reply":
        return { kind: "against", answer };
      case "skip":
      case "progress":
        throw new Error(`${answer.kind} out of its place`);
    }
  }
}
