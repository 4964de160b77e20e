/** What a client is told in one turn of the event loop: it leaves as one text, at less cost than line by line. */
import type { Writable } from "node:stream";

import { letGoAtEndOfTurn } from "../../mail/end-of-turn.ts";

export class Outgoing {
  readonly #stream: () => Writable;
  #text = "";

  /** @param stream where to; the one of the moment, as TLS puts another in its place */
  constructor(stream: () => Writable) {
    this.#stream = stream;
  }

  /** @param text whole lines, one character an octet */
  write(text: string): void {
    if (this.#text === "") {
      letGoAtEndOfTurn(this);
    }
    this.#text += text;
  }

  /** Sends what waits now. */
  uncork(): void {
    const text = this.#text;
    const stream = this.#stream();
    this.#text = "";
    if (text !== "" && stream.writable) {
      stream.write(text, "latin1");
    }
  }
}
