/** What deliveries share. */
import type { Counters } from "../../report/counters.ts";
import type { Log } from "../../report/log.ts";
import type { HopPool } from "./hop-pool.ts";
import type { Ways } from "../contract/way.ts";

/** What all deliveries of a relay share. */
export interface DeliveryContext extends Ways {
  readonly pool: HopPool;
  readonly log: Log;
  readonly counters: Counters;
}
