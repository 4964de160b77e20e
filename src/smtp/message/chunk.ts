/** BDAT: a message in chunks whose sizes are known, RFC 3030. */
import { answers } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { MessageIntake, Taken } from "./message-intake.ts";
import type { Taker } from "./reception.ts";

/** What the command says of its chunk. */
export interface ChunkSize {
  readonly octets: number;
  /** It ends the message. */
  readonly last: boolean;
}

const shape = /^(\d{1,20})(?: +(LAST))?$/i;

/**
 * Reads the argument of BDAT. A client whose argument cannot be read is disconnected: octets may follow, perhaps somebody's
 * message, which must not be read as commands.
 */
export function parseChunk(argument: string): ChunkSize | Response {
  const [, octets, last] = shape.exec(argument) ?? [];
  return octets === undefined ? answers.badChunk : { octets: Number(octets), last: last !== undefined };
}

/** One chunk: its octets are its message's, or nobody's. */
export class Chunk implements Taker {
  readonly last: boolean;
  /** Undefined: the octets are thrown away. */
  readonly intake: MessageIntake | undefined;
  /** What the client is told behind a chunk that is thrown away. */
  readonly refusal: Response;
  /** The next hop has enough for now: wait for {@link drained}. */
  full = false;
  #left: number;

  /** @param into the message, or why there is none */
  constructor({ octets, last }: ChunkSize, into: { readonly intake: MessageIntake } | Response) {
    this.#left = octets;
    this.last = last;
    this.intake = "intake" in into ? into.intake : undefined;
    this.refusal = "intake" in into ? answers.chunkTaken : into;
  }

  /** The rest is what is behind the chunk. */
  take(bytes: Buffer): Taken {
    const own = bytes.subarray(0, this.#left);
    this.#left -= own.length;
    const { full, cut } = this.intake?.take(own) ?? { full: false, cut: false };
    this.full = full;
    return { full, cut, rest: this.#left === 0 ? bytes.subarray(own.length) : undefined };
  }

  async drained(): Promise<void> {
    await this.intake?.drained();
  }
}
