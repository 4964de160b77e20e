/** A terminal that is drawn on again and again, and is as it was afterwards, however the program ends. */
import type { ReadStream, WriteStream } from "node:tty";

const enter = "\u001B[?1049h\u001B[?25l";
const leave = "\u001B[?25h\u001B[?1049l";
const top = "\u001B[H";
const clearLine = "\u001B[K";
const clearRest = "\u001B[J";
const bold = (text: string): string => `\u001B[1m${text}\u001B[0m`;
/** What Ctrl-C and Ctrl-D send while the terminal gives every key at once. */
const endKeys: ReadonlySet<string> = new Set(["q", "\u0003", "\u0004"]);

/** The terminal of a program that draws. */
export class Screen {
  readonly #out: WriteStream;
  readonly #keys: ReadStream;
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;

  /**
   * Takes the terminal.
   * @param press is called with each key but those that end it
   * @param resize is called when it has another size
   */
  constructor(out: WriteStream, keys: ReadStream, press: (key: string) => void, resize: () => void) {
    this.#out = out;
    this.#keys = keys;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    out.write(enter);
    process.once("exit", () => this.close());
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => this.#end());
    }
    if (keys.isTTY) {
      keys.setRawMode(true);
    }
    keys
      .setEncoding("utf8")
      .on("data", (text: string) => text.split("").forEach((key) => (endKeys.has(key) ? this.#end() : press(key))))
      .once("end", () => this.#end())
      .on("error", () => this.#end());
    out.on("resize", resize).on("error", () => this.#end());
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: this.#out.columns, rows: this.#out.rows };
  }

  /** Draws all lines over what is there, in one write: nothing flickers. The first line of each block is bold. */
  draw(lines: readonly string[]): void {
    const shown = lines.map((line, at) => (at === 0 || lines[at - 1] === "" ? bold(line) : line) + clearLine);
    this.#out.write(top + shown.join("\r\n") + clearRest);
  }

  /** Gives the terminal back. */
  close(): void {
    if (this.#keys.isTTY) {
      this.#keys.setRawMode(false);
    }
    this.#keys.pause();
    this.#out.write(leave);
    this.close = () => undefined;
  }
}
