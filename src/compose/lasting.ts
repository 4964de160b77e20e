/** What of a relay outlives a reload. */
import { Guard } from "../auth/guard.ts";
import { wantedConnections } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import { CopyQueues } from "../couriers/copy-queue.ts";
import { HopOffers } from "../couriers/smtp/hop-offers.ts";
import { SpoolRoom } from "../message/spool.ts";
import { Observing } from "../observe/observing.ts";
import { affordable } from "../ops/descriptors.ts";
import type { Affordable } from "../ops/descriptors.ts";
import type { Counters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { createConnectionCounts } from "../smtp/connection-rate.ts";
import { HarvestLedger } from "../smtp/harvest/ledger.ts";
import { Crowd } from "../smtp/listener/crowd.ts";
import { TurnedAway } from "../smtp/listener/turned-away.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import type { Counts } from "../state/counts.ts";
import { spoolPlaceOf } from "./limits.ts";
import { Record } from "./record.ts";
import { RelayState } from "./state.ts";
import type { Traced } from "./tracing.ts";
import { TrafficKeeping } from "./traffic.ts";
import { openServed } from "./trust.ts";

/** What outlives a reload. */
export interface Lasting {
  readonly snapshot: SnapshotReader;
  readonly guard: Guard;
  readonly ledger: HarvestLedger;
  readonly connections: Counts;
  readonly observing: Observing;
  readonly traffic: TrafficKeeping;
  readonly record: Record;
  readonly state: RelayState;
  readonly spools: SpoolRoom;
  readonly copies: CopyQueues;
  readonly offers: HopOffers;
  readonly crowd: Crowd;
  readonly turnedAway: TurnedAway;
  readonly room: Affordable;
  readonly log: Log;
  readonly counters: Counters;
  /** Sends the traces that wait. */
  readonly closeTraces: Traced["close"];
}

/** How a relay is started. */
export interface Start {
  /** Listen with SO_REUSEPORT, for several processes on one port. */
  readonly shared?: boolean;
  /** How long to wait for what next hops offer before a port is open, in ms; 0: not at all. */
  readonly patience?: number;
}

/** What outlives a reload, made for the first settings. */
export function createLasting(
  settings: Settings,
  log: Log,
  { counters, close }: Traced,
  { shared = false, patience = 0 }: Start,
): Lasting {
  const snapshot = openServed(settings, log, true);
  const { sessions, lookups } = wantedConnections(settings);
  const room = affordable(sessions, lookups);
  const counting = {
    guard: new Guard(),
    ledger: new HarvestLedger(),
    crowd: new Crowd(),
    connections: createConnectionCounts(),
  };
  return {
    ...counting,
    snapshot,
    room,
    turnedAway: new TurnedAway(room.refused),
    state: new RelayState(settings, counting, log, shared),
    spools: new SpoolRoom(spoolPlaceOf(settings)),
    copies: new CopyQueues(),
    offers: new HopOffers(patience),
    observing: new Observing(log),
    traffic: new TrafficKeeping(log, snapshot),
    record: new Record(log, counters),
    log,
    counters,
    closeTraces: close,
  };
}

/** Lets go of it. */
export async function closeLasting({
  state,
  traffic,
  observing,
  record,
  snapshot,
  closeTraces,
}: Lasting): Promise<void> {
  await Promise.all([state.close(), record.close(), closeTraces()]);
  await traffic.close();
  observing.close();
  snapshot.close();
}
