/** The end of a transaction at a next hop that has no message: RSET, and the connection is kept if the hop agrees. */
import type { Route } from "../contract/routes.ts";
import { isSuccess } from "./fitting.ts";
import type { HopConnection } from "./hop-connection.ts";
import type { HopPool } from "./hop-pool.ts";

/**
 * A hop that offers PIPELINING gets RSET together with the next MAIL (first-recipient.ts), or by itself if none follows
 * within so many ms. RFC 2920.
 */
const followTime = 10;

/** Ends it. */
export function endTransaction(connection: HopConnection, route: Route, pool: HopPool): void {
  // Of a client whose name goes first, nothing may come before RSET.
  if (!connection.features.has("PIPELINING") || (route.forwards ?? "off") !== "off") {
    reset(connection, route, pool);
    return;
  }
  connection.unfinished = true;
  pool.release(route, connection);
  setTimeout(() => {
    if (connection.unfinished && pool.take(route.key, connection)) {
      reset(connection, route, pool);
    }
  }, followTime).unref();
}

function reset(connection: HopConnection, route: Route, pool: HopPool): void {
  connection
    .command("RSET", route.timeout)
    .then(({ reply }) => {
      connection.unfinished = false;
      return isSuccess(reply.code) ? pool.release(route, connection) : connection.quit();
    })
    .catch(() => connection.destroy());
}
