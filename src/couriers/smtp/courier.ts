/** Opens transactions with next hops: routes, connections and the rest that deliveries share. */
import type { RunningCourier } from "../../mail/courier.ts";
import { HopDelivery } from "./delivery.ts";
import type { DeliveryContext } from "./delivery-context.ts";

/** Makes the courier of one relay. */
export function createCourier(context: DeliveryContext): RunningCourier {
  return {
    begin: (envelope, origin) => new HopDelivery(context, envelope, origin),
    close() {
      context.pool.close();
      context.question?.close();
    },
    offered: context.offered,
    heard: () => context.question?.heard() ?? Promise.resolve(),
    hops: () => context.pool.states(),
  };
}
