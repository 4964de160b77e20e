/** What the guard by traffic is given. */
import type { KeyedForm } from "../../src/snapshot/keyed.ts";
import type { Asked, Recipients } from "../../src/snapshot/recipients.ts";
import type { TrafficPlaces } from "./fetch.ts";

/** What the guard by traffic is given. */
export interface TrafficOptions {
  /** Where relays hand it over, and the form of their hashes; undefined: nobody has it. @throws Error without a secret */
  readonly places: () => { readonly from: TrafficPlaces; readonly form: KeyedForm } | undefined;
  /** The relay's way to ask a list. */
  readonly recipientsOf: (asked: Asked) => Recipients;
  /** Fingerprint of what the sources are asked for. */
  readonly settings: string;
  /** `[sync] max_traffic_loss` and `max_active_loss`. */
  readonly maxLoss: number;
  readonly maxActive: number;
}
