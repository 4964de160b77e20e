/** The few figures that tell how a relay does, out of its counters: for people who look at it live. */
import type { Totals } from "./metrics.ts";

/** Counted since the start. */
export interface Figures {
  readonly connections: number;
  /** Recipients that were refused, and that were accepted. */
  readonly refused: number;
  readonly accepted: number;
  /** Messages that the next hop has taken. */
  readonly delivered: number;
  /** Messages whose reply was 4xx: the sender's server keeps them, and comes again. */
  readonly deferred: number;
  /** Answers of next hops that were 2xx or 3xx, 4xx, 5xx, and those that never came. */
  readonly hopsTook: number;
  readonly hopsDeferred: number;
  readonly hopsRefused: number;
  readonly hopsSilent: number;
}

/** One series of a counter. */
export interface Series {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** Every series of a counter with its labels. @param name without prefix and labels */
export function seriesNamed(totals: Totals, name: string): Series[] {
  return Object.entries(totals).flatMap(([series, value]) => {
    if (series !== name && !series.startsWith(`${name}{`)) {
      return [];
    }
    const pairs = [...series.slice(name.length).matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return [{ labels: new Map(pairs.map(([, key = "", text = ""]) => [key, text])), value }];
  });
}

/** The sum of the series whose label begins so. */
export function sumOf(totals: Totals, name: string, label?: string, begins = ""): number {
  return seriesNamed(totals, name)
    .filter(({ labels }) => label === undefined || labels.get(label)?.startsWith(begins) === true)
    .reduce((sum, { value }) => sum + value, 0);
}

/** The figures of now. */
export function figuresOf(totals: Totals): Figures {
  const replies = (begins: string): number => sumOf(totals, "hop_replies", "code", begins);
  return {
    connections: sumOf(totals, "connections"),
    refused: sumOf(totals, "recipients", "verdict", "refused"),
    accepted: sumOf(totals, "recipients", "verdict", "accepted"),
    delivered: sumOf(totals, "messages", "code", "250"),
    deferred: sumOf(totals, "messages", "code", "4"),
    hopsTook: replies("2") + replies("3"),
    hopsDeferred: replies("4"),
    hopsRefused: replies("5"),
    hopsSilent: replies("none"),
  };
}
