/** A daemon at a Unix socket that is given the path of a file and answers with what it found: sophie's protocol. */
import type { Answered, Transport, TransportScan } from "../hooks/scanner.ts";
import { MessageFile } from "./message-file.ts";
import type { FilePlace } from "./message-file.ts";
import { ServiceConnection } from "./service-connection.ts";

/** Bytes that sophie's clients read. */
const longestAnswer = 256;

/** Its answer, without line ending. */
export interface Said extends Answered {
  readonly kind: "said";
  readonly text: string;
}

export function pathSocket(socket: string, place: FilePlace, lead: Buffer): Transport<Said> {
  return { place: socket, open: () => new PathScan(socket, place, lead) };
}

class PathScan implements TransportScan<Said> {
  readonly #socket: string;
  readonly #file: MessageFile;
  #connection: ServiceConnection | undefined;

  constructor(socket: string, place: FilePlace, lead: Buffer) {
    this.#socket = socket;
    this.#file = new MessageFile(place);
    void this.#file.write(lead).catch(() => undefined);
  }

  take(content: Buffer): Promise<void> {
    return this.#file.write(content);
  }

  async end(): Promise<Said> {
    try {
      await this.#file.close();
      const connection = (this.#connection = new ServiceConnection(
        { path: this.#socket },
        longestAnswer,
        (answer) => answer.includes(10) || answer.includes(0),
      ));
      void connection.write(Buffer.from(`${this.#file.path}\n`));
      const text = (await connection.answer()).toString("latin1").split(/[\0\r\n]/, 1)[0] ?? "";
      if (text === "") {
        throw new Error("it closed the connection");
      }
      return { kind: "said", text };
    } finally {
      this.#connection?.close();
      await this.#file.remove();
    }
  }

  abandon(): void {
    this.#connection?.close();
    void this.#file.remove();
  }
}
