/** What the log says of a client whose connection fails: which listener, which session, from where, and why. */
import { normalIp } from "../../mail/network.ts";
import { printable } from "../../mail/reply.ts";
import type { Service } from "../service.ts";

/** A connection, or a socket that has not become one yet. */
export interface FailingClient {
  readonly id: string;
  readonly remoteAddress: string;
}

function fieldsOf(
  { listener }: Service,
  { id, remoteAddress }: FailingClient,
  why: string,
): Readonly<Record<string, string>> {
  // OpenSSL ends its lines.
  return { listener, session: id, ip: normalIp(remoteAddress), why: printable(why.trim()) };
}

/** A handshake came to nothing: of STARTTLS, or before the greeting of an implicit listener. */
export function logTlsFailure(service: Service, client: FailingClient, why: string): void {
  service.log.info("smtp", "TLS handshake failed", fieldsOf(service, client, why));
}

/** A socket reported an error that is not a client's everyday one. */
export function logSocketError(service: Service, client: FailingClient, why: string): void {
  service.log.warning("smtp", "socket error", fieldsOf(service, client, why));
}

/** A peer of `proxy_from` did not say for whom it speaks. */
export function logProxyFailure(service: Service, client: FailingClient, why: string): void {
  service.log.warning(
    "smtp",
    "no PROXY header from a peer of proxy_from, disconnected",
    fieldsOf(service, client, why),
  );
}
