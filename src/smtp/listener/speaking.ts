/** A connection as far as it speaks: the one place where a response becomes bytes, and where its event is made. */
import type { Reply } from "../../mail/reply.ts";
import type { EventStage } from "../../report/event.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";
import type { Conversation } from "../session/conversation.ts";
import type { Answering } from "../session/outcome.ts";
import { greetPresented } from "../session/presented-login.ts";
import type { Presented } from "../session/presented.ts";
import type { Verbs } from "../session/verbs.ts";
import { Outgoing } from "./outgoing.ts";
import { recorded } from "./session-events.ts";
import { SessionRecord } from "./session-record.ts";
import { SocketConnection } from "./socket-connection.ts";

export abstract class SpeakingConnection extends SocketConnection {
  /** Undefined until the client was let in. */
  conversation: Conversation | undefined;
  /** Undefined: the client speaks for itself. */
  presented: Presented | undefined;
  readonly record = new SessionRecord();
  readonly outgoing = new Outgoing(() => this._socket);
  /** Undefined until the first command. */
  protected verbs: Verbs | undefined;
  /** Its last words are said. */
  protected parting = false;

  /** What new sessions have. */
  protected abstract get service(): Service;

  protected get over(): boolean {
    return this.parting || this._closing || this._closed;
  }

  protected get hasUnsent(): boolean {
    return this.outgoing.isLate;
  }

  /** The session that was there is over; the one of another client begins. */
  renew(presented: Presented): void {
    this.presented = presented;
    this.conversation = undefined;
    this.verbs = undefined;
    this._ready = false;
  }

  /** What the client hears first. Of one that is presented, only the proxy can have talked, or waited. */
  protected greeting(hasTalked: () => boolean): Answering | undefined {
    const { conversation, presented } = this;
    return presented === undefined
      ? conversation?.greet(hasTalked)
      : conversation && greetPresented(conversation, presented);
  }

  /** @param stage what it is a reply to */
  protected say(response: Response, stage: EventStage): void {
    this.record.note(response.reply);
    if ((response.reply?.code ?? 500) < 400 && response.message === undefined) {
      // Most replies: nothing is made for them.
      this.write(response.reply);
    } else if (!this._upgrading && !this.over) {
      this.write(recorded(this.service, this, response, stage, this.verbs));
    }
  }

  protected write(reply: Reply | undefined): void {
    if (reply !== undefined && !this._upgrading && !this.over) {
      this.outgoing.write(reply.wire);
    }
  }
}
