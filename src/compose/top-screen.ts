/** What `goodmailto top` shows: lines of text out of two looks at the running relay. No terminal here. */
import { figuresOf, seriesNamed } from "../ops/figures.ts";
import type { Figures } from "../ops/figures.ts";
import { sumTotals } from "../ops/metrics.ts";
import type { Totals } from "../ops/metrics.ts";
import { shortTime } from "../report/short-time.ts";
import { visible } from "../report/visible.ts";
import type { NameCount, Refused } from "./refused-most.ts";
import type { RelayFigures } from "./relay-answers.ts";

/** One look. */
export interface Look {
  /** ms of a clock that is never set. */
  readonly at: number;
  /** Of each process. */
  readonly relays: readonly RelayFigures[];
  /** Processes that did not answer, with the reason. */
  readonly silent: readonly { readonly path: string; readonly why: string }[];
  /** Of the journal; undefined: there is none that may be read. */
  readonly refused?: Refused | undefined;
  /** ms since 1970, for the age of the list. */
  readonly now: number;
}

/** How it is shown. */
export interface View {
  readonly columns: number;
  readonly rows: number;
  readonly sort: "rate" | "total";
  readonly paused: boolean;
}

/** Lines without colour, no longer than the screen is wide and no more than it is high. */
export function screen(now: Look, before: Look | undefined, view: View): string[] {
  const lines =
    now.relays.length === 0
      ? ["goodmailto: no relay runs, or this user may not ask it; waiting for one"]
      : [...head(now), "", ...flow(now, before), "", ...hops(now), ...tables(now, before, view), ...refusedTables(now)];
  const silent = now.silent.map(({ path, why }) => `${path} does not answer: ${why}`);
  const words = view.paused ? ["paused; space continues"] : [];
  return [...words, ...silent, ...lines]
    .map((line) => (typeof line === "string" ? visible(line) : rowText(line, view.columns)))
    .map((line) => line.slice(0, view.columns).trimEnd())
    .slice(0, view.rows);
}

function head({ relays, now }: Look): string[] {
  const sum = (of: (relay: RelayFigures) => number): number => relays.reduce((all, relay) => all + of(relay), 0);
  const [first] = relays;
  const versions = [...new Set(relays.map(({ version }) => version))].join(", ");
  const lists = [...new Set(relays.map(({ list }) => listText(list, now)))].join(", ");
  const blocked = Math.max(...relays.map((relay) => relay.blocked));
  const uptime = Math.max(...relays.map((relay) => relay.uptime));
  const alarms = [...new Set(relays.flatMap(({ alarm }) => (alarm === null ? [] : [alarm])))];
  const waiting = first?.waiting ?? null;
  return [
    `goodmailto ${versions}, ${relays.length} ${relays.length === 1 ? "process" : "processes"}, up ${shortTime(uptime)}, ` +
      `${sum(({ sessions }) => sessions)} sessions, ${blocked} networks blocked`,
    `list: ${lists} (${first?.addresses ?? 0} addresses)`,
    ...(waiting === null ? [] : [`list: that of ${waiting.list} waits for the canaries until ${waiting.until}`]),
    ...alarms.map((alarm) => `ALARM: ${alarm}`),
  ];
}

function listText(made: string | null, now: number): string {
  if (made === null) {
    return "none, every recipient is accepted";
  }
  const age = Math.round((now - Date.parse(made)) / 1000);
  return age < 0 ? `of ${made}, in the future` : `${shortTime(age)} old, of ${made}`;
}

const totalsOf = ({ relays }: Look): Totals => sumTotals(relays.map(({ totals }) => totals));

const names: readonly (readonly [keyof Figures, string])[] = [
  ["connections", "connections"],
  ["refused", "recipients refused"],
  ["accepted", "recipients accepted"],
  ["delivered", "messages delivered"],
  ["deferred", "messages deferred"],
  ["hopsTook", "next hops: 2xx, 3xx"],
  ["hopsDeferred", "next hops: 4xx"],
  ["hopsRefused", "next hops: 5xx"],
  ["hopsSilent", "next hops: no answer"],
];

function flow(now: Look, before: Look | undefined): Row[] {
  const figures = figuresOf(totalsOf(now));
  const old = before === undefined ? undefined : figuresOf(totalsOf(before));
  const rows = names.map(([name, title]) => row(title, rateOf(figures[name], old?.[name], now, before), figures[name]));
  return [row("", "per second", "since start"), ...rows];
}

/** Of the journal: who was refused, and whose mail. */
function refusedTables({ refused }: Look): (Row | string)[] {
  if (refused === undefined || refused.refused + refused.deferred === 0) {
    return [];
  }
  const { recipients, clients, deferred, since, until } = refused;
  const time = `in ${shortTime(Math.max(1, Math.round((until - since) / 1000)))}`;
  const table = (title: string, names: readonly NameCount[]): (Row | string)[] => {
    const lines = names.map(({ name, count }) => row(name, percent(count, refused.refused), count));
    return lines.length === 0 ? [] : [row(title, "share", time), ...lines, ""];
  };
  return [
    row("of the journal", "share", time),
    row("replies that only defer (4xx)", percent(deferred, refused.refused + deferred), deferred),
    "",
    ...table("recipients refused most", recipients),
    ...table("clients refused most", clients),
  ];
}

function percent(part: number, all: number): string {
  return `${Math.round((100 * part) / Math.max(1, all))}%`;
}

function hops({ relays }: Look): (Row | string)[] {
  const all = new Map<string, { connections: number; rests: string | null }>();
  for (const { hop, connections, rests } of relays.flatMap((relay) => relay.hops)) {
    const known = all.get(hop) ?? { connections: 0, rests: null };
    all.set(hop, { connections: known.connections + connections, rests: known.rests ?? rests });
  }
  const lines = [...all].map(([hop, { connections, rests }]) => row(hop, connections, rests ?? "ready"));
  return lines.length === 0 ? [] : [row("next hop", "connections", "state"), ...lines, ""];
}

/** Each table: its title, the counter, and what of its labels is shown. */
const counted: readonly (readonly [title: string, name: string, labels: readonly string[]])[] = [
  ["refused by", "refusals", ["check", "reason"]],
  ["lookups by", "lookups", ["protocol", "verdict"]],
  ["limits", "limits", ["limit"]],
];

function tables(now: Look, before: Look | undefined, { sort }: View): (Row | string)[] {
  const [totals, old] = [totalsOf(now), before === undefined ? {} : totalsOf(before)];
  return counted.flatMap(([title, name, labels]) => {
    const olds = new Map(seriesNamed(old, name).map((series) => [words(series.labels, labels), series.value]));
    const rows = seriesNamed(totals, name)
      .filter(({ value }) => value > 0)
      .map(({ labels: own, value }) => {
        const text = words(own, labels);
        return { text, value, more: value - (olds.get(text) ?? 0) };
      })
      .toSorted((a, b) => (sort === "rate" ? b.more - a.more || b.value - a.value : b.value - a.value));
    const lines = rows.map(({ text, value, more }) => row(text, rateOf(value, value - more, now, before), value));
    return lines.length === 0 ? [] : [row(title, "per second", "since start"), ...lines, ""];
  });
}

/** Labels by their names; the values of those that were not asked for follow. */
function words(own: ReadonlyMap<string, string>, labels: readonly string[]): string {
  const known = labels.flatMap((label) => own.get(label) ?? []);
  return (known.length > 0 ? known : [...own.values()]).join(": ");
}

/** A relay that was started again counts from 0: its figures are then those since that. */
function rateOf(value: number, old: number | undefined, now: Look, before: Look | undefined): string {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  if (old === undefined || seconds <= 0) {
    return "-";
  }
  const rate = (value < old ? value : value - old) / seconds;
  return rate === 0 ? "0" : rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}

/** A line of a table. */
interface Row {
  readonly title: string;
  readonly cells: readonly [string, string];
}

function row(title: string, first: string | number, second: string | number): Row {
  return { title, cells: [String(first), String(second)] };
}

/** Titles give way, so that a narrow terminal shows the figures too. */
const [leastTitle, mostTitle] = [10, 40];
const [narrowCell, wideCell] = [11, 14];
const narrow = 80;

function rowText({ title, cells }: Row, columns: number): string {
  const cellWidth = columns < narrow ? narrowCell : wideCell;
  const width = Math.min(mostTitle, Math.max(leastTitle, columns - 2 * cellWidth - 3));
  const name = visible(title);
  const [first, second] = cells.map((cell) => visible(cell).padStart(cellWidth));
  return `${name.length > width ? `${name.slice(0, width - 1)}…` : name.padEnd(width)} ${first}  ${second}`;
}
