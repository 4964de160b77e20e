/** Where finished lines go: one sink for each entry of `[log] sinks`. */
import type { Line } from "./line.ts";

/** How much a line matters, the least first. */
export const levels = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof levels)[number];

/** One place that takes lines. */
export interface Sink {
  /**
   * Adds a line without its line feed. Never throws, never waits, and keeps no octets of the caller's; what cannot be
   * taken is counted and reported later.
   */
  write(level: Level, line: Line): void;
  /** SIGHUP: reopens what another program may have renamed. */
  reopen(): void;
  /** Sends what waits, within a deadline of its own. Never rejects. */
  close(): Promise<void>;
}

/** Warnings and errors leave at once, the rest in batches. */
export function isUrgent(level: Level): boolean {
  return level === "warning" || level === "error";
}

/** What a sink says of lines that it could not take. */
export function lostLine(count: number, reason: string): string {
  return `log: lines lost count=${count} reason=${JSON.stringify(reason)}`;
}
