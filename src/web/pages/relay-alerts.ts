/** What of the running relay wants a person's attention. */
import type { RelayReport } from "../../compose/relay-answers.ts";
import { sumOf } from "../../ops/figures.ts";
import type { Totals } from "../../ops/metrics.ts";
import { number } from "../html/words.ts";
import type { Alert } from "./alert.ts";

/** Of its processes and next hops. */
export function relayAlerts(relays: readonly RelayReport[], silent: readonly string[]): Alert[] {
  const alarms = new Set(relays.flatMap(({ alarm }) => alarm ?? []));
  const hops = new Map(relays.flatMap((relay) => relay.hops).map(({ hop, rests }) => [hop, rests]));
  return [
    ...[...alarms].map((alarm): Alert => ({
      level: "fault",
      what: `A relay process complains of its list: ${alarm}`,
      advice: "",
    })),
    ...silent.map((what): Alert => ({ level: "fault", what: "A relay process does not answer", advice: what })),
    ...[...hops].flatMap(([hop, rests]): Alert[] =>
      rests === null
        ? []
        : [{ level: "warning", what: `The next hop ${hop} is not tried for a moment`, advice: rests }],
    ),
  ];
}

const counted = [
  ["fault", "session_faults", "internal errors in sessions, each answered 421"],
  ["fault", "check_faults", "internal errors in checks, each counted as pass"],
  ["warning", "worker_restarts", "workers that ended unexpectedly and were started again"],
  ["warning", "trace_lost", "events that the journal lost"],
] as const;

/** Of what it counted since its start. */
export function countAlerts(totals: Totals): Alert[] {
  return counted.flatMap(([level, name, words]) => {
    const value = sumOf(totals, name);
    return value === 0
      ? []
      : [{ level, what: `${number(value)} ${words}, since the start`, advice: "The log says why." }];
  });
}
