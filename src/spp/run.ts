/**
 * One run of one plugin program: its output line by line while it runs, and its end.
 * The program gets no arguments but its own, an empty standard input, its own process group, and a time limit.
 */

import { Lines } from "./answer.ts";
import type { Plugin } from "./config.ts";
import { launch } from "./launcher.ts";
import type { ReportListener } from "./launcher.ts";
import type { StartFailure } from "./program.ts";
import type { PluginVerdict } from "./reasons.ts";

/** Why a run failed, in the words of the reply. */
export type Failure = StartFailure | "child crashed" | "timed out" | "too much output" | "bad reply" | "bad address";

/** What a plugin said, in the end. `none`: no verdict, the next plugin is asked. */
export type PluginOutcome =
  | { readonly kind: "verdict"; readonly verdict: PluginVerdict }
  | { readonly kind: "failure"; readonly why: Failure }
  | { readonly kind: "none" };

/** What to run and under which limits. */
export interface RunOptions {
  readonly plugin: Plugin;
  /** The working directory. */
  readonly home: string;
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** In ms, from start to exit. */
  readonly timeout: number;
  /** In bytes, for standard output and standard error each. */
  readonly maxOutput: number;
  /** Takes a line of standard output; an outcome is the plugin's last word, what it prints later is not read. */
  readonly onLine: (line: string) => PluginOutcome | undefined;
  /** Takes a line of standard error. */
  readonly onError: (line: string) => void;
}

/** A program under way. */
export interface Run {
  /**
   * A refusal as soon as it is printed; anything else when the program has ended, since a crash overrides it.
   * Rejects only with what `onLine` throws.
   */
  readonly answered: Promise<PluginOutcome>;
  /**
   * The program is gone, and with it its pipes; with the failure that came too late to be the answer. Never rejects.
   */
  readonly exited: Promise<Failure | undefined>;
}

/** Starts a program. */
export function startPlugin(options: RunOptions): Run {
  return new Watch(options);
}

/** One output stream, line by line up to a limit in bytes. */
class Output {
  readonly #lines = new Lines();
  readonly #limit: number;
  readonly #tell: (line: string) => void;
  #bytes = 0;

  constructor(limit: number, tell: (line: string) => void) {
    this.#limit = limit;
    this.#tell = tell;
  }

  /** Passes on the complete lines; false if there was more than the limit. */
  take(chunk: Uint8Array): boolean {
    const room = Math.max(0, this.#limit - this.#bytes);
    this.#bytes += chunk.length;
    this.#lines.feed(Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(room, chunk.length))).forEach(this.#tell);
    return this.#bytes <= this.#limit;
  }

  /** Passes on a last line without a line ending. */
  end(): void {
    const rest = this.#lines.end();
    if (rest !== undefined && this.#bytes <= this.#limit) {
      this.#tell(rest);
    }
  }
}

/** Follows one program to its end. */
class Watch implements Run {
  readonly answered: Promise<PluginOutcome>;
  readonly exited: Promise<Failure | undefined>;
  readonly #options: RunOptions;
  readonly #answer: PromiseWithResolvers<PluginOutcome> = Promise.withResolvers();
  readonly #gone: PromiseWithResolvers<Failure | undefined> = Promise.withResolvers();
  readonly #output: Output;
  readonly #errors: Output;
  readonly #limit: NodeJS.Timeout;
  readonly #kill: () => void;
  /** The plugin's last word, or the relay's about it. */
  #last: PluginOutcome | undefined;
  #answered = false;
  #late: Failure | undefined;
  /** The relay kills it: its end by a signal means nothing then. */
  #killed = false;

  constructor(options: RunOptions) {
    const { plugin, home, environment, timeout, maxOutput } = options;
    this.answered = this.#answer.promise;
    this.exited = this.#gone.promise;
    this.#options = options;
    this.#output = new Output(maxOutput, (line) => this.#take(line));
    this.#errors = new Output(maxOutput, options.onError);
    this.#limit = setTimeout(() => this.#overrun("timed out"), timeout);
    this.#kill = launch({ plugin, home, environment, maxOutput }, (report) => this.#hear(report));
  }

  #hear(report: Parameters<ReportListener>[0]): void {
    switch (report.kind) {
      case "output":
        this.#read(this.#output, report.chunk);
        break;
      case "errors":
        this.#read(this.#errors, report.chunk);
        break;
      case "failed":
        this.#fail(report.why);
        this.#close();
        break;
      case "ended":
        this.#finish(report.code, report.signal);
        break;
    }
  }

  #read(output: Output, chunk: Uint8Array): void {
    if (!output.take(chunk)) {
      this.#overrun("too much output");
    }
  }

  #take(line: string): void {
    if (this.#last !== undefined) {
      return;
    }
    try {
      this.#last = this.#options.onLine(line);
    } catch (error) {
      this.#last = { kind: "none" };
      this.#answer.reject(error);
    }
    const { verdict } = this.#last?.kind === "verdict" ? this.#last : {};
    if (verdict?.kind === "refuse" || verdict?.kind === "drop") {
      this.#settle({ kind: "verdict", verdict });
    } else if (this.#last?.kind === "failure") {
      this.#fail(this.#last.why);
    }
  }

  /** Ends a program that goes on and on. One that talks after its last word has only missed that nobody listens. */
  #overrun(why: Failure): void {
    if (why === "timed out" || this.#last === undefined) {
      this.#fail(why);
    }
    this.#killed = true;
    this.#kill();
  }

  #finish(code: number | null, signal: NodeJS.Signals | null): void {
    this.#output.end();
    this.#errors.end();
    if (signal !== null && !this.#killed) {
      this.#fail("child crashed");
    } else if (code === 120) {
      this.#fail("can't execute");
    }
    this.#settle(this.#last ?? { kind: "none" });
    this.#close();
  }

  #fail(why: Failure): void {
    if (this.#answered) {
      this.#late = why;
    }
    this.#last = { kind: "failure", why };
    this.#settle(this.#last);
  }

  /** The first one counts. */
  #settle(outcome: PluginOutcome): void {
    this.#answered = true;
    this.#answer.resolve(outcome);
  }

  #close(): void {
    clearTimeout(this.#limit);
    this.#gone.resolve(this.#late);
  }
}
