/** Numbers and times of the status page. Times are UTC, as in the log. */
import { html } from "./markup.ts";
import type { Markup } from "./markup.ts";

const digits = new Intl.NumberFormat("en-GB");

/** 12,345 */
export function number(value: number): string {
  return Number.isFinite(value) ? digits.format(value) : "–";
}

/** "1 address", "2 addresses" */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

const spans = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
] as const;

/** "3 d", "12 min", "40 s". @param seconds from 0 on */
export function span(seconds: number): string {
  const [size, unit] = spans.find(([length]) => seconds >= 2 * length) ?? [1, "s"];
  return `${number(Math.floor(seconds / size))} ${unit}`;
}

/** "2026-03-01 14:30:00" @param at ms since 1970, or ISO 8601 */
export function timeText(at: number | string | Date): string {
  const iso = new Date(at).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

/** A point in time for the eye and the machine. @param at ms since 1970, or ISO 8601 */
export function time(at: number | string, isExact = false): Markup {
  const iso = new Date(at).toISOString();
  const text = isExact ? iso.replace("T", " ") : timeText(iso);
  return html`<time datetime="${iso}">${text}</time>`;
}

/** The same, or a word where there was none. */
export function timeOr(at: string | null, otherwise: string): Markup {
  return at === null ? html`${otherwise}` : time(at);
}

/** "12 kB" */
export function bytes(size: number): string {
  const units = [
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ] as const;
  const [unit, name] = units.find(([least]) => size >= least) ?? [1, "B"];
  const value = size / unit;
  return `${value >= 100 || unit === 1 ? Math.round(value) : value.toFixed(1)} ${name}`;
}
