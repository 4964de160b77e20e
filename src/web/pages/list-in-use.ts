/** The list by which the relay answers now: not always that of the file, which may be torn, or wait for canaries. */
import type { StatusReport } from "../../compose/list-report.ts";
import type { RelayReport } from "../../compose/relay-answers.ts";

/** What the metrics `snapshot_age_seconds` and `snapshot_addresses` say too. */
export interface ListInUse {
  /** Seconds; 0 if a clock is behind. */
  readonly age: number;
  readonly addresses: number;
}

/**
 * Of several processes the oldest one. Undefined: there is none, or a process has none.
 * @param status of the file, for a relay that does not answer
 * @param now ms since 1970
 */
export function listInUse(status: StatusReport, relays: readonly RelayReport[], now: number): ListInUse | undefined {
  if (relays.length === 0) {
    return "age" in status ? { age: status.age, addresses: status.addresses } : undefined;
  }
  const lists = relays.map(({ list, addresses }) =>
    list === null ? undefined : { age: Math.max(0, Math.round((now - Date.parse(list)) / 1000)), addresses },
  );
  return lists.reduce((oldest, one) =>
    oldest === undefined || one === undefined ? undefined : one.age > oldest.age ? one : oldest,
  );
}
