/** What the thread of the page and the process of the relay say to each other. */
import type { Totals } from "../ops/metrics.ts";
import type { Log, LogFields } from "../report/log.ts";

/** What the thread is started with. */
export interface WebOptions {
  /** The configuration file. */
  readonly config: string;
  /** ms between two samples for the charts, and seconds between two looks of a live page. */
  readonly sampleEvery: number;
  readonly refresh: number;
  /** ms that a browser may take for an answer, or be silent. */
  readonly answerTime: number;
}

/** The levels of a log line. */
export type Level = Exclude<keyof Log, "verdict">;

/** From the thread. */
export type FromThread =
  | { readonly kind: "ready"; readonly address: string }
  | { readonly kind: "failed"; readonly code: string; readonly why: string }
  | { readonly kind: "alive" }
  | { readonly kind: "ask"; readonly id: number }
  | {
      readonly kind: "log";
      readonly level: Level;
      readonly part: string;
      readonly event: string;
      readonly fields: LogFields;
    };

/** To the thread. */
export type ToThread =
  | { readonly kind: "reload" | "close" | "alive" }
  | { readonly kind: "answer"; readonly id: number; readonly totals: Totals | undefined };
