/**
 * The kinds of values a setting may have. Each field is declared once, with default and docstring:
 * the loader, `config print` and config/goodmailto.toml all read the same declaration.
 */
import * as z from "zod";

import { cronText } from "./cron-text.ts";
import { parseMailbox } from "../mail/address.ts";
import { parseEndpoint } from "../mail/network.ts";
import {
  meantDuration,
  meantFactor,
  meantFlag,
  meantInteger,
  meantListener,
  meantPercent,
  meantSize,
} from "./meant.ts";
import { allowedStores, refuseStore } from "./state-store.ts";
import type { FieldMeta, FileOwner } from "./field-meta.ts";
import { parseDuration, parseRate, parseSize } from "./units.ts";
import type { Rate } from "./units.ts";

function field<Out, In>(type: z.ZodType<Out, In>, meta: FieldMeta): z.ZodType<Out, In | undefined> {
  // The sample is a value as the file has it; and zod forgets the type of a field with a default.
  const optional = meta.required === true ? type : type.prefault(meta.sample as never);
  // `meta` would make another copy of the type.
  return optional.register(z.globalRegistry, { ...meta }) as z.ZodType<Out, In | undefined>;
}

type Field<T> = z.ZodType<T>;

/** Text with a rule; the message says what is allowed. */
function checked<T>(allowed: string, read: (text: string) => T | undefined): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const value = read(text);
    if (value === undefined) {
      context.addIssue({ code: "custom", message: `must be ${allowed}` });
      return z.NEVER;
    }
    return value;
  });
}

/** A time span, held in ms. @param between the shortest and the longest that is allowed */
export function duration(sample: string, doc: string, between?: readonly [string, string]): Field<number> {
  const allowed = 'a duration such as "500ms", "90s", "10m", "1h30m" or "7d"';
  if (between === undefined) {
    return field(checked(allowed, parseDuration), { doc, sample, allowed, suggest: meantDuration });
  }
  const [low, high] = between;
  const within = `${allowed}, from "${low}" to "${high}"`;
  const read = (value: string): number | undefined => {
    const ms = parseDuration(value) ?? Number.NaN;
    return ms >= (parseDuration(low) ?? 0) && ms <= (parseDuration(high) ?? 0) ? ms : undefined;
  };
  return field(checked(within, read), { doc, sample, allowed: within, suggest: meantDuration });
}

/** Time spans by name, each held in ms; one that is not given has its default. */
export function durations<const Names extends Readonly<Record<string, string>>>(
  sample: Names,
  between: readonly [string, string],
  doc: string,
): Field<Record<keyof Names, number>> {
  const spans = Object.entries(sample).map(([name, span]) => [name, duration(span, doc, between)]);
  const allowed = `a table of durations: ${Object.keys(sample).join(", ")}`;
  const type = z.strictObject(Object.fromEntries(spans));
  // Object.fromEntries forgets its keys.
  return field(type, { doc, sample, allowed }) as Field<Record<keyof Names, number>>;
}

/** How many in which time, "10/60s"; "" is not a limit, held as undefined. */
export function rate(sample: string, doc: string): z.ZodType<Rate | undefined> {
  const allowed = 'a number and a time from 1s to 24h such as "10/60s", or ""';
  const read = (value: string): [Rate | undefined] | undefined => {
    const found = parseRate(value);
    return found === undefined && value !== "" ? undefined : [found];
  };
  return field(
    checked(allowed, read).transform(([found]) => found),
    { doc, sample, allowed },
  );
}

/** A size, held in bytes. @param least the smallest that is allowed */
export function size(sample: string, doc: string, least = "0B"): Field<number> {
  const fewest = parseSize(least) ?? 0;
  const allowed = `a size such as "25MB", "64KiB" or "1000B"${fewest > 0 ? `, at least "${least}"` : ""}`;
  const read = (value: string): number | undefined => {
    const bytes = parseSize(value) ?? -1;
    return bytes >= fewest ? bytes : undefined;
  };
  return field(checked(allowed, read), { doc, sample, allowed, suggest: meantSize });
}

/** Any text. */
export function text(sample: string, doc: string, extra: Partial<FieldMeta> = {}): Field<string> {
  return field(z.string(), { doc, sample, ...extra });
}

/** What a text may be. */
export interface TextRule {
  /** In words: "a domain". */
  readonly allowed: string;
  readonly fits: (text: string) => boolean;
}

/** Text by a rule. */
export function textBy(rule: TextRule, sample: string, doc: string, extra: Partial<FieldMeta> = {}): Field<string> {
  const type = z.string().refine(rule.fits, { message: `must be ${rule.allowed}` });
  return field(type, { doc, sample, allowed: rule.allowed, ...extra });
}

/** A list of texts by a rule. @param least entries that there must be */
export function listBy(
  rule: TextRule,
  sample: readonly string[],
  doc: string,
  extra: Partial<FieldMeta> = {},
  least = 0,
): Field<string[]> {
  const text = z.string().refine(rule.fits, { message: `must be ${rule.allowed}` });
  return field(z.array(text).min(least), { doc, sample, ...extra });
}

/** As {@link listBy} with at least one entry, and a sample of one: as everywhere, a single text stands for a list of one. */
export function oneOrMore(
  rule: TextRule,
  sample: string,
  doc: string,
  extra: Partial<FieldMeta> = {},
): Field<string[]> {
  const text = z.string().refine(rule.fits, { message: `must be ${rule.allowed}` });
  return field(z.array(text).min(1), { doc, sample, ...extra });
}

/** A file that the relay or the sync job reads; "" is none. */
export function file(sample: string, whose: "relay" | "sync", doc: string): Field<string> {
  return field(z.string(), { doc, sample, file: whose });
}

/** A file that one process reads by itself; "" is none. */
export function ownFile(whose: FileOwner, doc: string, extra: Partial<FieldMeta> = {}): Field<string> {
  return field(z.string(), { doc, sample: "", file: whose, ...extra });
}

/** A file with secrets that the relay reads; "" is none. */
export function secretFile(doc: string): Field<string> {
  return field(z.string(), { doc, sample: "", file: "relay", isPrivate: true });
}

/** A list that a check of the relay reads: one entry a line. "" is none, and a missing file is an empty one. */
export function listFile(doc: string, sample = ""): Field<string> {
  return field(z.string(), { doc, sample, file: "relay", mayBeMissing: true });
}

/** A whole number within bounds. */
export function integer(sample: number, low: number, high: number, doc: string): Field<number> {
  const allowed = `a whole number from ${low} to ${high}`;
  return field(z.int().min(low).max(high), { doc, sample, allowed, suggest: meantInteger });
}

/** A whole number within bounds, or a word that stands for one. */
export function integerOr<const Word extends string>(
  sample: number,
  low: number,
  high: number,
  word: Word,
  doc: string,
): Field<number | Word> {
  const allowed = `a whole number from ${low} to ${high}, or "${word}"`;
  const type = z.union([z.int().min(low).max(high), z.literal(word)]);
  return field(type, { doc, sample, allowed, suggest: meantInteger });
}

/** true or false. */
export function flag(sample: boolean, doc: string): Field<boolean> {
  return field(z.boolean(), { doc, sample, suggest: meantFlag });
}

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(
  words: Words,
  sample: Words[number] | undefined,
  doc: string,
): Field<Words[number]> {
  return field(z.enum(words), { doc, sample: sample ?? words[0], required: sample === undefined });
}

/** A list of texts. */
export function list(sample: readonly string[], doc: string, extra: Partial<FieldMeta> = {}): Field<string[]> {
  return field(z.array(z.string()), { doc, sample, ...extra });
}

/** A list of words out of a given set. */
export function choices<const Words extends readonly string[]>(
  words: Words,
  sample: readonly Words[number][],
  doc: string,
): Field<Words[number][]> {
  const word = words.length === 0 ? z.never() : z.enum(words);
  const once = z
    .array(word)
    .refine((list) => new Set(list).size === list.length, { message: "must not hold a word twice" });
  // Without words nothing but an empty list fits.
  return field(once, { doc, sample }) as Field<Words[number][]>;
}

/** A table of texts. */
export function table(sample: Readonly<Record<string, string>>, doc: string): Field<Record<string, string>> {
  return field(z.record(z.string(), z.string()), { doc, sample });
}

/** A share of a whole, "10%", held as 0.1. */
export function percent(sample: string, doc: string): Field<number> {
  const allowed = 'a percentage from "0%" to "100%"';
  const read = (value: string): number | undefined => {
    const match = /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(value);
    return match === null || Number(match[1]) > 100 ? undefined : Number(match[1]) / 100;
  };
  return field(checked(allowed, read), { doc, sample, allowed, suggest: meantPercent });
}

/** How many times as much, "10x", held as 10; "off" is without end. */
export function factor(sample: string, doc: string): Field<number> {
  const read = (value: string): number | undefined => {
    const times = Number(/^(\d{1,5}(?:\.\d)?)x$/.exec(value)?.[1]);
    return value === "off" ? Number.POSITIVE_INFINITY : times > 1 ? times : undefined;
  };
  const allowed = 'a factor above 1 such as "10x", or "off"';
  return field(checked(allowed, read), { doc, sample, allowed, suggest: meantFactor });
}

/** A cron expression of node-cron: five fields, or six with seconds first. */
export function cron(sample: string, doc: string): Field<string> {
  return field(cronText(sample), { doc, sample, allowed: "a cron expression: minute hour day month weekday" });
}

/** Places to listen at: "host:port", or the word "systemd". @param least places that there must be */
export function listeners(sample: readonly string[], doc: string, least = 1): Field<string[]> {
  const place = z.string().refine((value) => value === "systemd" || parseEndpoint(value) !== undefined, {
    message: 'must be "host:port", "[v6]:port", "*:port" or "systemd"',
  });
  return field(z.array(place).min(least), { doc, sample, suggest: meantListener });
}

/** Where state is kept: a word, or the URL of a Redis or Valkey. */
export function stateStore(sample: string, doc: string): Field<string> {
  const type = z.string().refine((text) => refuseStore(text) === undefined, {
    error: ({ input }) => refuseStore(String(input)),
  });
  return field(type, { doc, sample, allowed: allowedStores });
}

/** A list of user parts or addresses. */
export function mailboxes(sample: readonly string[], doc: string): Field<string[]> {
  const mailbox = z.string().refine((value) => parseMailbox(value) !== undefined, {
    message: "must be a user part or an address",
  });
  return field(z.array(mailbox), { doc, sample });
}

/** The same field, one that many sections have alike. */
export function alike<T extends z.ZodType>(type: T): T {
  return type.meta({ ...type.meta(), common: true });
}

/** The same field, one that a running relay keeps until it is started again. @param part of its value that it keeps */
export function restart<T extends z.ZodType>(type: T, part: (value: unknown) => unknown = (value) => value): T {
  return type.meta({ ...type.meta(), restart: part });
}

/** The declaration of a field; undefined for a section. */
export function fieldMeta(type: z.ZodType): FieldMeta | undefined {
  // Only `field` and its brothers above give a type a doc.
  const meta = type.meta() as unknown as FieldMeta | undefined;
  return meta?.doc === undefined ? undefined : meta;
}
