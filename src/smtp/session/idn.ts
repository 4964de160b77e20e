/** Domains in UTF-8, as some mail programs send them, become A-labels before the path is read. RFC 5890 2.3.2.1. */
import { isUtf8 } from "node:buffer";

import type { Session } from "../../hooks/session.ts";
import { normalDomain } from "../../mail/address.ts";
import type { Service } from "../service.ts";

/** Whether this client may write domains in UTF-8. */
export function mayUseUtf8({ idn }: Pick<Service, "idn">, session: Session): boolean {
  return idn === "all" || (idn === "relay" && (session.has("RELAYCLIENT") || session.has("SMTPAUTHUSER")));
}

/** Up to the end of the address, and the domain without `>` and parameters. */
const lastDomain = /^([^@]*(?:@[^@]*)*@)([^@\s>]+)(.*)$/s;

/**
 * The argument of MAIL or RCPT with its domain in ASCII.
 * @param argument as it came, one character an octet
 * @returns undefined where it is not UTF-8, or its domain is not one. A user part keeps its octets.
 */
export function withAsciiDomain(argument: string): string | undefined {
  const octets = Buffer.from(argument, "latin1");
  if (!isUtf8(octets)) {
    return undefined;
  }
  const [, before = "", written = "", rest = ""] = lastDomain.exec(octets.toString("utf8")) ?? [];
  if (!/[^\x00-\x7f]/.test(written)) {
    return argument;
  }
  const domain = normalDomain(written);
  return domain === undefined ? undefined : Buffer.from(before + domain + rest, "utf8").toString("latin1");
}
