/** A connection as far as it takes messages in: at once behind DATA, or chunk by chunk behind BDAT. */
import type { EventStage } from "../../report/event.ts";
import { answers } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Chunk } from "../message/chunk.ts";
import type { MessageIntake } from "../message/message-intake.ts";
import type { Parser } from "../message/parser.ts";
import { receiveMessage } from "../message/reception.ts";
import type { Reception, Taker } from "../message/reception.ts";
import { Deadlines } from "./deadlines.ts";
import { SpeakingConnection } from "./speaking.ts";

/** Goes on with what is behind the message. */
type Done = (rest?: Buffer) => void;

export abstract class ReceivingConnection extends SpeakingConnection {
  declare readonly _parser: Parser;
  protected readonly deadlines = new Deadlines();
  /** The server stops. */
  protected leaving = false;

  abstract answer(response: Response, stage?: EventStage): void;
  /** An error in the session. */
  protected abstract fault(error: unknown): void;

  /** The message that the client is sending. */
  protected get incoming(): MessageIntake | undefined {
    return this.conversation?.incoming;
  }

  /** It is the client's turn: within a message, its time goes on. */
  protected awaitClient(): void {
    this.deadlines.restart(this.incoming);
  }

  /** What comes next is the message. */
  protected receive(intake: MessageIntake): void {
    this.write(answers.go);
    this.#receive(intake, (rest, done) => this.#finish(intake, rest, done));
    this.#within();
  }

  /** What comes next is the chunk. */
  protected receiveChunk(chunk: Chunk): void {
    this.#receive(chunk, (rest, done) => this.#finishChunk(chunk, rest, done));
    if (chunk.intake !== undefined) {
      this.#within();
    }
  }

  #receive(taker: Taker, whole: Reception["whole"]): void {
    receiveMessage(this._parser, taker, {
      tooLarge: () => this.answer(this.conversation?.limit("message size", answers.messageCut) ?? answers.messageCut),
      whole,
      fault: (error) => this.fault(error),
    });
  }

  /** What is said next is said to a message. */
  #within(): void {
    if (this.verbs !== undefined) {
      this.verbs.stage = "message";
    }
  }

  /** Each chunk has a reply. That of the last one, or of one that makes the message hopeless, is the message's. */
  async #finishChunk(chunk: Chunk, rest: Buffer, done: Done): Promise<void> {
    const { intake, last } = chunk;
    if (intake !== undefined && last) {
      intake.endLine();
    }
    if (intake !== undefined && (last || intake.hopeless)) {
      return this.#finish(intake, rest, done);
    }
    if (chunk.full) {
      await chunk.drained();
    }
    this.answer(chunk.refusal);
    done(rest);
  }

  /** Nothing may cut the session here: the next hop may have the message by now. */
  async #finish(intake: MessageIntake, rest: Buffer, done: Done): Promise<void> {
    this.deadlines.stop("uncut");
    const answer = await intake.finish();
    this.verbs?.messageDone(this.record.messageDone(answer.reply));
    this.answer(answer);
    this.awaitClient();
    if (this.leaving) {
      this.answer(answers.closing, "session");
    }
    done(rest);
  }
}
