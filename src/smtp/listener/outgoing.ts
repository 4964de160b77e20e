/** What a client is told in one turn of the event loop: it leaves as one text, at less cost than line by line. */
import type { Socket } from "node:net";

import { letGoAtEndOfTurn } from "../../mail/end-of-turn.ts";
import { writeDirectly } from "./direct-write.ts";

export class Outgoing {
  readonly #stream: () => Socket;
  #text = "";
  /** Texts that the system has not taken yet, and of which the stream does not know. */
  #late = 0;
  readonly #waiting = (): (() => void) => {
    this.#late += 1;
    return () => (this.#late -= 1);
  };

  /** @param stream where to; the one of the moment, as TLS puts another in its place */
  constructor(stream: () => Socket) {
    this.#stream = stream;
  }

  /** Whether the system has not taken all of it yet. */
  get isLate(): boolean {
    return this.#late > 0 || this.#stream().writableLength > 0;
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
    if (text !== "" && stream.writable && (this.#late > 0 || !writeDirectly(stream, text, this.#waiting))) {
      stream.write(text, "latin1");
    }
  }
}
