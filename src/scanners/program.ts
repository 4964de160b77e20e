/**
 * A program that scans a file, or reads the message from its standard input. No shell, no more than so many at once.
 */
import type { Transport, TransportScan } from "../hooks/scanner.ts";
import { launch } from "../spp/launcher.ts";
import type { Slots } from "../wait/slots.ts";
import { MessageFile } from "./message-file.ts";
import type { FilePlace } from "./message-file.ts";
import { CannotScan } from "./scan.ts";

/** A program that ended by itself. */
export interface Ran {
  readonly kind: "ran";
  readonly code: number;
  /** What it printed to standard output. */
  readonly output: Buffer;
  /** The same to standard error. */
  readonly errors: Buffer;
}

/** What to run. */
export interface ProgramOptions {
  /** Program and arguments; `%f` in an argument is the file. */
  readonly command: readonly string[];
  readonly place: FilePlace;
  /** The message is its standard input. */
  readonly stdin: boolean;
  /** What precedes the message. */
  readonly lead: Buffer;
  /** PATH of the program. */
  readonly path: string;
  /** ms: how long to wait until it may start; bounds the run, too. */
  readonly timeout: number;
  /** Bytes, of standard output and standard error each. */
  readonly maxOutput: number;
  readonly slots: Slots;
}

export function program(options: ProgramOptions): Transport<Ran> {
  return { place: options.command.join(" "), open: () => new ProgramScan(options) };
}

class ProgramScan implements TransportScan<Ran> {
  readonly #options: ProgramOptions;
  readonly #file: MessageFile;
  #kill: (() => void) | undefined;
  #abandoned = false;

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#file = new MessageFile(options.place);
    if (options.lead.length > 0) {
      // Its fault is the fault of the next write, or of the end.
      void this.#file.write(options.lead).catch(() => undefined);
    }
  }

  take(content: Buffer): Promise<void> {
    return this.#file.write(content);
  }

  async end(): Promise<Ran> {
    const { slots, timeout } = this.#options;
    try {
      await this.#file.close();
      const leave = await slots.takeWithin(timeout);
      if (leave === undefined) {
        throw new CannotScan(`too many at once for ${timeout} ms`);
      }
      try {
        return await this.#run();
      } finally {
        leave();
      }
    } finally {
      await this.#file.remove();
    }
  }

  abandon(): void {
    this.#abandoned = true;
    this.#kill?.();
    void this.#file.remove();
  }

  #start() {
    const { command, stdin, path, maxOutput } = this.#options;
    const [name = "", ...rest] = command.map((word) => word.replaceAll("%f", this.#file.path));
    return {
      plugin: { line: name, file: name, argv: [name, ...rest] as const },
      home: "/",
      environment: { PATH: path, LC_ALL: "C" },
      maxOutput,
      ...(stdin ? { input: this.#file.path } : {}),
    };
  }

  #run(): Promise<Ran> {
    const { maxOutput } = this.#options;
    const outputs: Record<"output" | "errors", Uint8Array[]> = { output: [], errors: [] };
    const sizes = { output: 0, errors: 0 };
    return new Promise((resolve, reject) => {
      if (this.#abandoned) {
        reject(new CannotScan("nobody waits for its answer any more"));
        return;
      }
      const kill = (this.#kill = launch(this.#start(), (report) => {
        switch (report.kind) {
          case "output":
          case "errors":
            outputs[report.kind].push(report.chunk);
            sizes[report.kind] += report.chunk.length;
            if (sizes[report.kind] > maxOutput) {
              reject(new CannotScan(`it printed more than ${maxOutput} bytes`));
              kill();
            }
            break;
          case "failed":
            reject(new Error(report.why));
            break;
          case "ended":
            if (report.code === null) {
              reject(new CannotScan(`it was ended by ${report.signal ?? "a signal"}`));
            } else {
              const [output, errors] = [Buffer.concat(outputs.output), Buffer.concat(outputs.errors)];
              resolve({ kind: "ran", code: report.code, output, errors });
            }
            break;
        }
      }));
    });
  }
}
