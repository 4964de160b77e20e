/** Who is offered what: what all next hops offer, and forgiveness. */
import type { Session } from "../../hooks/session.ts";
import { nothingOffered } from "../../mail/courier.ts";
import type { Offered } from "../../mail/courier.ts";
import type { Service, Whose } from "../service.ts";

/** Whether something that these clients have is for this one. */
export function isFor(whose: Whose, { authenticator }: Pick<Service, "authenticator">, session: Session): boolean {
  return whose === "all" || (whose === "own" && (session.has("RELAYCLIENT") || authenticator !== undefined));
}

/** What EHLO may offer this client of what its messages need at the next hop. */
export function offeredTo(
  service: Pick<Service, "authenticator" | "courier" | "dsn" | "smtputf8">,
  session: Session,
): Offered {
  const offered = service.courier.offered?.() ?? nothingOffered;
  const dsn = offered.dsn && isFor(service.dsn, service, session);
  const smtputf8 = offered.smtputf8 && isFor(service.smtputf8, service, session);
  return dsn || smtputf8 ? { dsn, smtputf8 } : nothingOffered;
}
