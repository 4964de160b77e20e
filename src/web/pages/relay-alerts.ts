/** What of the running relay wants a person's attention. */
import type { RelayReport } from "../../compose/relay-answers.ts";
import { sumOf } from "../../ops/figures.ts";
import type { Gauge, Totals } from "../../ops/metrics.ts";
import { bytes, count, number, timeText } from "../html/words.ts";
import type { Alert } from "./alert.ts";

/** Of its processes and next hops. */
export function relayAlerts(relays: readonly RelayReport[], silent: readonly string[]): Alert[] {
  const alarms = new Map(relays.flatMap((relay) => (relay.alarm === null ? [] : [[relay.alarm, relay] as const])));
  const hops = new Map(relays.flatMap((relay) => relay.hops).map(({ hop, rests }) => [hop, rests]));
  return [
    ...[...alarms].map(([alarm, { list, addresses }]): Alert => ({
      level: "fault",
      what: `A relay process complains of its list: ${alarm}`,
      advice:
        list === null
          ? "It has no list, and accepts every recipient of the relay domains."
          : `It uses the list of ${timeText(list)} with ${count(addresses, "address", "addresses")}.`,
    })),
    ...silent.map((what): Alert => ({ level: "fault", what: "A relay process does not answer", advice: what })),
    ...[...hops].flatMap(([hop, rests]): Alert[] =>
      rests === null
        ? []
        : [{ level: "warning", what: `The next hop ${hop} is not tried for a moment`, advice: rests }],
    ),
  ];
}

/** Counters that are 0 where all is well. */
const counted = [
  ["fault", "failed_open", "recipients accepted without a list that would know them"],
  ["fault", "session_faults", "internal errors in sessions, each answered 421"],
  ["fault", "check_faults", "internal errors in checks, each counted as pass"],
  ["warning", "worker_restarts", "workers that ended unexpectedly and were started again"],
  ["warning", "trace_lost", "events that the journal lost"],
] as const;

/** Their values since the start. */
export function alarmsOf(totals: Totals): Readonly<Record<string, number>> {
  return Object.fromEntries(counted.map(([, name]) => [name, sumOf(totals, name)]));
}

/** Of what it counted. @param before what was so a day ago; undefined: that is not known */
export function countAlerts(
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>> | undefined,
): Alert[] {
  const time = before === undefined ? "since the start" : "in the last 24 hours";
  return counted.flatMap(([level, name, words]) => {
    const [value, old] = [now[name] ?? 0, before?.[name] ?? 0];
    // One that fell began at 0 meanwhile.
    const more = value < old ? value : value - old;
    return more === 0 ? [] : [{ level, what: `${number(more)} ${words}, ${time}`, advice: "The log says why." }];
  });
}

/** Where less is free is worth a word: GoodmailtoDiskFull in config/monitoring has it too. */
export const leastFree = 0.05;

/** Of file systems on which something is kept. @param gauges as the metrics have them */
export function diskAlerts(gauges: readonly Gauge[]): Alert[] {
  const value = (name: Gauge["name"], place: string | undefined): number =>
    gauges.find((gauge) => gauge.name === name && gauge.labels?.["place"] === place)?.value ?? 0;
  const places = gauges.flatMap(({ name, labels }) => (name === "disk_size_bytes" ? [labels?.["place"]] : []));
  return places.flatMap((place): Alert[] => {
    const [free, size] = [value("disk_free_bytes", place), value("disk_size_bytes", place)];
    return size === 0 || free / size >= leastFree
      ? []
      : [
          {
            level: "fault",
            what: `The disk of the ${place ?? ""} is nearly full`,
            advice: `${bytes(free)} of ${bytes(size)} are free.`,
          },
        ];
  });
}
