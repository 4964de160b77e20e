/** Packets of the milter protocol: a length of four bytes, a letter, data. What comes in is bounded. */

/** One packet. */
export interface Packet {
  /** A letter: the command, or the answer. */
  readonly letter: string;
  readonly data: Buffer;
}

/** Bytes of the longest body piece that goes out; MILTER_CHUNK_SIZE. */
export const chunkSize = 65_535;
/** Bytes of the longest packet that is taken: libmilter's is as long as a body piece that was agreed on. */
const longest = 1_048_577;

/** Writes a packet. */
export function packet(letter: string, ...pieces: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(pieces.reduce((sum, { length }) => sum + length, 1));
  head.write(letter, 4, "latin1");
  return Buffer.concat([head, ...pieces]);
}

/** A text as the protocol has it, one byte a character, with its NUL. */
export function text(value: string): Buffer {
  return Buffer.from(`${value.replaceAll("\0", "")}\0`, "latin1");
}

/**
 * The packet at the front of what has come; undefined if it is not complete.
 * @param most octets that one may have
 * @throws RangeError if it is empty, or longer than it may be
 */
export function takePacket(
  input: Buffer,
  most: number = longest,
): { readonly packet: Packet; readonly octets: number } | undefined {
  const length = input.length < 4 ? 1 : input.readUInt32BE(0);
  if (length < 1 || length > most) {
    throw new RangeError(`packet of ${length} bytes`);
  }
  const octets = 4 + length;
  return input.length < octets
    ? undefined
    : { packet: { letter: input.toString("latin1", 4, 5), data: input.subarray(5, octets) }, octets };
}

/** Cuts a stream into packets, in any segmentation. */
export class PacketReader {
  #pieces: Buffer[] = [];
  #size = 0;
  /** How many bytes there must be before it is worth looking. */
  #wanted = 5;

  /** The packets that are complete now. @throws RangeError if one is empty, or longer than it may be */
  take(chunk: Buffer): Packet[] {
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    const packets: Packet[] = [];
    while (this.#size >= this.#wanted) {
      const all = Buffer.concat(this.#pieces);
      const taken = takePacket(all);
      if (taken === undefined) {
        this.#keep(all, 4 + all.readUInt32BE(0));
        break;
      }
      packets.push(taken.packet);
      this.#keep(all.subarray(taken.octets), 5);
    }
    return packets;
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    this.#wanted = wanted;
  }
}
