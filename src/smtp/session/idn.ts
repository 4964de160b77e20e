/** Domains in UTF-8, as some mail programs send them, become A-labels before the address is read. RFC 5890 2.3.2.1. */
import type { Session } from "../../hooks/session.ts";
import { normalDomain } from "../../mail/address.ts";
import { isBeyondAscii } from "../../mail/octets.ts";
import type { Service } from "../service.ts";

/** Whether this client may write domains in UTF-8. */
export function mayUseUtf8({ idn }: Pick<Service, "idn">, session: Session): boolean {
  return idn === "all" || (idn === "relay" && (session.has("RELAYCLIENT") || session.has("SMTPAUTHUSER")));
}

/** The address with its domain in ASCII; its user part stays. Undefined: its domain is none. */
export function withAsciiDomain(address: string): string | undefined {
  const at = address.lastIndexOf("@") + 1;
  const written = address.slice(at);
  if (at === 0 || !isBeyondAscii(written)) {
    return address;
  }
  const domain = normalDomain(written);
  return domain === undefined ? undefined : address.slice(0, at) + domain;
}
