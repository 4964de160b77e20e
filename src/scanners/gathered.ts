/** A message in memory, for services that want its length first; its size limit is the bound. */
import type { Answered, TransportScan } from "../hooks/scanner.ts";

/** An exchange with a service. */
export interface Exchange<Answer> {
  /** Rejects where there is no answer, or it is closed. */
  readonly answer: Promise<Answer>;
  close(): void;
}

export class GatheredScan<Answer extends Answered> implements TransportScan<Answer> {
  readonly #ask: (message: Buffer) => Exchange<Answer>;
  #pieces: Buffer[];
  #exchange: Exchange<Answer> | undefined;

  /** @param lead in front of the message @param ask begins to ask about all of it */
  constructor(lead: Buffer, ask: (message: Buffer) => Exchange<Answer>) {
    this.#pieces = [lead];
    this.#ask = ask;
  }

  take(content: Buffer): void {
    this.#pieces.push(content);
  }

  async end(): Promise<Answer> {
    const message = Buffer.concat(this.#pieces);
    this.#pieces = [];
    const exchange = (this.#exchange = this.#ask(message));
    try {
      return await exchange.answer;
    } finally {
      exchange.close();
    }
  }

  abandon(): void {
    this.#pieces = [];
    this.#exchange?.close();
  }
}
