/** What deliveries share. */
import type { Counters } from "../../report/counters.ts";
import type { Log } from "../../report/log.ts";
import type { Offered } from "../../mail/courier.ts";
import type { HopPool } from "./hop-pool.ts";
import type { OffersQuestion } from "./offers-question.ts";
import type { Ways } from "../contract/way.ts";

/** What all deliveries of a relay share. */
export interface DeliveryContext extends Ways {
  readonly pool: HopPool;
  readonly log: Log;
  readonly counters: Counters;
  /** What every next hop is known to offer. */
  readonly offered: () => Offered;
  /** Asks those of which nothing is known. */
  readonly question?: OffersQuestion | undefined;
}
