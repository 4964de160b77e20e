/**
 * What a relay remembers of one recipient that got mail: two keyed hashes, the domain, and counts per day. The hashes are
 * those of a hashed snapshot (src/snapshot/keyed.ts), so a sync finds the recipient in such a list, too.
 */
import { normalKey } from "../mail/address.ts";
import { isCatchAll } from "../mail/wildcards.ts";
import type { KeyedForm } from "../snapshot/keyed.ts";
import type { RecipientAnswer } from "../snapshot/recipients.ts";

/** A day: days since 1970, UTC. */
export type Day = number;

/** One recipient. */
export interface TrafficRecord {
  /** Hash of the whole address, without its extension; of a catch-all, of its key. */
  readonly full: string;
  /** Hash of the user part alone; "" for a catch-all. */
  readonly bare: string;
  /** The relay domain, in clear. */
  readonly domain: string;
  /** When it last got mail. */
  readonly last: Day;
  /** Messages per day, the newest first; no more than `countedDays`. */
  readonly days: readonly (readonly [day: Day, messages: number])[];
  /** Its refusals by one list: when that was first published, ms since 1970, and how many. */
  readonly refused?: { readonly list: number; readonly count: number };
}

/** A recipient before it is hashed. */
export interface Named {
  /** Undefined: the catch-all of the domain. */
  readonly user: string | undefined;
  readonly domain: string;
}

/** ms */
export const dayLength = 86_400_000;
/** Recipients that got no mail for so many days are forgotten. */
export const rememberedDays = 60;
/** Days whose messages are counted apart. */
export const countedDays = 14;
/** "This week": the days before now whose messages are weighed. */
export const weekDays = 7;
/** Recipients that are remembered; the ones that got no mail for longest go first. */
export const mostRecords = 200_000;

/** The day of a time in ms since 1970. */
export function dayOf(now: number): Day {
  return Math.floor(now / dayLength);
}

/**
 * How a recipient is remembered that the list knows; undefined: not at all, since no list decides about it.
 * @param domain that of the recipient, as the list has it
 */
export function namedBy(answer: RecipientAnswer, domain: string): Named | undefined {
  if (answer.kind !== "known" || answer.as === "always" || answer.as === "return path" || domain === "") {
    return undefined;
  }
  if (isCatchAll(answer.key)) {
    return { user: undefined, domain };
  }
  const at = answer.key.lastIndexOf("@");
  return { user: at < 0 ? answer.key : answer.key.slice(0, at), domain };
}

/** Its hashes. */
export function hashed({ user, domain }: Named, { hash }: KeyedForm): Pick<TrafficRecord, "full" | "bare"> {
  return user === undefined
    ? { full: hash(`@${domain}`), bare: "" }
    : { full: hash(normalKey(user, domain)), bare: hash(normalKey(user, "")) };
}

/** Messages of a record since a day. */
export function messagesSince({ days }: Pick<TrafficRecord, "days">, first: Day): number {
  return days.reduce((sum, [day, messages]) => (day >= first ? sum + messages : sum), 0);
}
