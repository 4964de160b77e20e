/** What a server says, from the octets of a connection: entries in their octets, everything else as ldapts reads it. */
import { type Message, MessageParser } from "ldapts";

import { type FoundEntry, readFoundEntry } from "./found-entry.ts";
import { createFramer, isCutShort } from "./framer.ts";

/** One message of a server. */
export type Answer = Message | FoundEntry;

/** What was asked, by the number of the message: the form of some answers depends on it. */
export type Requests = Map<string, { message: Message }>;

/** Of one connection. */
export class AnswerReader {
  readonly #framer = createFramer();
  readonly #parser = new MessageParser();
  readonly #read: (Message | Error)[] = [];

  constructor() {
    this.#parser.on("message", (message) => this.#read.push(message));
    this.#parser.on("error", (error) => this.#read.push(error));
  }

  /** Octets of a message that has not fully arrived. */
  get pending(): number {
    return this.#framer.pending;
  }

  /**
   * Takes what arrived.
   * @param take is called with each message that is complete now
   * @throws Error if one is not LDAP, or longer than allowed
   */
  push(chunk: Buffer, requests: Requests, take: (answer: Answer) => void): void {
    const { bytes, ends } = this.#framer.push(chunk);
    let at = 0;
    for (const end of ends) {
      take(readFoundEntry(bytes, at, end) ?? this.#readOther(bytes.subarray(at, end), requests));
      at = end;
    }
  }

  #readOther(message: Buffer, requests: Requests): Message {
    if (isCutShort(message)) {
      throw new RangeError("a result without a result code");
    }
    this.#parser.read(message, requests);
    const [read] = this.#read.splice(0);
    if (read === undefined || read instanceof Error) {
      throw read ?? new RangeError("a message of unknown kind");
    }
    return read;
  }
}
