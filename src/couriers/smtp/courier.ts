/** Opens transactions with next hops: routes, connections and the rest that deliveries share. */
import type { Courier } from "../../mail/courier.ts";
import { HopDelivery } from "./delivery.ts";
import type { DeliveryContext } from "./delivery-context.ts";

/** Makes the courier of one relay. `close` lets go of unused connections. */
export function createCourier(context: DeliveryContext): Courier & { close(): void } {
  return {
    begin: (envelope, origin) => new HopDelivery(context, envelope, origin),
    close: () => context.pool.close(),
  };
}
