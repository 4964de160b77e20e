/** A message on its way from the parser into its intake: back-pressure, the cut of what is far too large, the end. */
import type { Taken } from "./message-intake.ts";
import type { Parser } from "./parser.ts";

/** What takes the client's bytes: a message, or one chunk of it. */
export interface Taker {
  take(bytes: Buffer): Taken;
  drained(): Promise<void>;
}

/** What the connection does at each turn. */
export interface Reception {
  /** Too large by so much that the session must end. Called once. */
  tooLarge(): void;
  /** The message, or the chunk, is complete; `done` goes on with what came behind it. */
  whole(rest: Buffer, done: (rest?: Buffer) => void): Promise<void>;
  fault(error: unknown): void;
}

/** From the next byte on, the client's bytes are the message's. */
export function receiveMessage(parser: Parser, taker: Taker, reception: Reception): void {
  const take = (chunk: Buffer, done: (rest?: Buffer) => void): void => {
    const { rest, full, cut } = taker.take(chunk);
    if (cut) {
      // Not done: no more is taken from who is sent away.
      reception.tooLarge();
    } else if (rest !== undefined) {
      reception.whole(rest, done).catch((error: unknown) => reception.fault(error));
    } else if (full) {
      taker.drained().then(
        () => done(),
        (error: unknown) => reception.fault(error),
      );
    } else {
      done();
    }
  };
  parser.startMessage((chunk, done) => {
    try {
      take(chunk, done);
    } catch (error) {
      reception.fault(error);
    }
  });
}
