/** From when on somebody wants to know: "yesterday", "3h", "7d", or a date or time in ISO 8601. */
import { InvalidArgumentError } from "commander";

import { parseDuration } from "../config/units.ts";

const day = 86_400_000;

/** ms since 1970; undefined if it is none of these. Days are UTC. */
export function parseSince(text: string, now: number): number | undefined {
  const today = Math.floor(now / day) * day;
  if (text === "today" || text === "yesterday") {
    return text === "today" ? today : today - day;
  }
  const span = parseDuration(text);
  if (span !== undefined) {
    return now - span;
  }
  const isTime = /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text);
  const time = isTime ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** For an option. @throws InvalidArgumentError */
export function readSince(text: string): number {
  const time = parseSince(text, Date.now());
  if (time === undefined) {
    throw new InvalidArgumentError("Give today, yesterday, a time span such as 3h or 7d, or a time in ISO 8601.");
  }
  return time;
}
