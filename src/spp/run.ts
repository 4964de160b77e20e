/**
 * One run of one plugin program: its output told line by line while it runs, and what became of it.
 * The program gets no arguments but its own, an empty standard input, its own process group, and a time limit.
 */
import type { Readable } from "node:stream";

import type { Verdict } from "../hooks/check.ts";
import { Lines } from "./answer.ts";
import type { Plugin } from "./config.ts";
import { killGroup, startFailure, startProgram } from "./program.ts";
import type { Program, StartFailure } from "./program.ts";

/** Why a run failed, in the words of the reply. */
export type Failure = StartFailure | "child crashed" | "timed out" | "too much output" | "bad reply" | "bad address";

/** What a plugin said, in the end. `none`: no verdict, the next plugin is asked. */
export type Outcome =
  | { readonly kind: "verdict"; readonly verdict: Verdict }
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
  readonly onLine: (line: string) => Outcome | undefined;
  /** Takes a line of standard error. */
  readonly onError: (line: string) => void;
}

/** A program under way. */
export interface Run {
  /**
   * A refusal as soon as it is printed; anything else when the program has ended, since a crash overrides it.
   * Rejects only with what `onLine` throws.
   */
  readonly answered: Promise<Outcome>;
  /** The program is gone, and with it its pipes; with the failure that came too late to be the answer. Never rejects. */
  readonly exited: Promise<Failure | undefined>;
}

/** How long a program has between SIGTERM and SIGKILL, in ms. */
const grace = 1000;

/** Starts a program. */
export function startPlugin(options: RunOptions): Run {
  let child: Program;
  try {
    child = startProgram(options.plugin, options.home, options.environment);
  } catch (error) {
    const why = startFailure(error);
    return { answered: Promise.resolve({ kind: "failure", why }), exited: Promise.resolve(undefined) };
  }
  return new Watch(child, options);
}

/** Follows one program to its end. */
class Watch implements Run {
  readonly answered: Promise<Outcome>;
  readonly exited: Promise<Failure | undefined>;
  readonly #program: Program;
  readonly #options: RunOptions;
  readonly #answer: PromiseWithResolvers<Outcome> = Promise.withResolvers();
  readonly #gone: PromiseWithResolvers<Failure | undefined> = Promise.withResolvers();
  readonly #limit: NodeJS.Timeout;
  /** The plugin's last word, or ours about it. */
  #last: Outcome | undefined;
  #answered = false;
  #ended = false;
  #late: Failure | undefined;
  /** Set when we kill it: that it dies by a signal says nothing then. */
  #killing: NodeJS.Timeout | undefined;

  constructor(program: Program, options: RunOptions) {
    this.answered = this.#answer.promise;
    this.exited = this.#gone.promise;
    this.#program = program;
    this.#options = options;
    this.#limit = setTimeout(() => this.#overrun("timed out"), options.timeout);
    this.#follow(program);
  }

  #follow(program: Program): void {
    const output = this.#read(program.stdout, (line) => this.#take(line));
    const errors = this.#read(program.stderr, this.#options.onError);
    program.once("error", (error) => {
      // Only a program that did not start has no process id.
      if (program.pid === undefined) {
        this.#fail(startFailure(error));
        this.#close();
      }
    });
    program.once("exit", (code, signal) => {
      this.#endGroup();
      // What the program wrote is in the pipes now, and the next turn of the loop reads all of it. An end of file
      // may never come: a process that the plugin left behind can hold the pipes open.
      setImmediate(() =>
        setImmediate(() => {
          output();
          errors();
          this.#finish(code, signal);
        }),
      );
    });
  }

  /** Tells the lines of a stream, up to the limit. The function returned tells the last line if it has no line end. */
  #read(stream: Readable, take: (line: string) => void): () => void {
    const lines = new Lines();
    const { maxOutput } = this.#options;
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      const room = Math.max(0, maxOutput - bytes);
      bytes += chunk.length;
      lines.feed(chunk.subarray(0, room)).forEach(take);
      if (bytes > maxOutput) {
        this.#overrun("too much output");
      }
    });
    // A broken pipe is not an answer: the exit is.
    stream.on("error", () => {});
    return () => {
      const rest = lines.end();
      if (rest !== undefined && bytes <= maxOutput) {
        take(rest);
      }
    };
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
    const { pid } = this.#program;
    if (this.#killing === undefined && pid !== undefined && !this.#ended) {
      killGroup(pid, "SIGTERM");
      this.#killing = setTimeout(() => killGroup(pid, "SIGKILL"), grace);
    }
  }

  /** After a kill, nothing of the group may stay; after a plain exit, what the plugin left behind is its business. */
  #endGroup(): void {
    this.#ended = true;
    const { pid } = this.#program;
    if (pid !== undefined && this.#killing !== undefined) {
      clearTimeout(this.#killing);
      killGroup(pid, "SIGKILL");
    }
  }

  #finish(code: number | null, signal: NodeJS.Signals | null): void {
    if (signal !== null && this.#killing === undefined) {
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
  #settle(outcome: Outcome): void {
    this.#answered = true;
    this.#answer.resolve(outcome);
  }

  #close(): void {
    clearTimeout(this.#limit);
    this.#program.stdout.destroy();
    this.#program.stderr.destroy();
    this.#gone.resolve(this.#late);
  }
}
