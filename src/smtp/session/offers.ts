/** What EHLO offers, and the word for a session in the Received field. RFC 5321 4.1.1.1, RFC 1870, RFC 3030, RFC 3461, RFC 3848, RFC 6531, RFC 9422. */

import type { Session } from "../../hooks/session.ts";
import type { Offered } from "../../mail/courier.ts";
import type { Service } from "../service.ts";
import { xforwardOffer } from "./forwarded.ts";
import { mayPresent, xclientOffer } from "./presented.ts";

/** What the keywords depend on. */
interface Offering {
  readonly service: {
    readonly starttls: boolean;
    readonly chunking: boolean;
    readonly authenticator: { readonly mechanisms: readonly string[] } | undefined;
    readonly presenters?: Service["presenters"];
    readonly limits: Pick<Service["limits"], "recipients">;
  };
  readonly secure: boolean;
  readonly authenticated: boolean;
  readonly session: Pick<Session, "client">;
  /** What of that which all next hops offer is offered. */
  readonly offered: Offered;
}

/** The keywords of the EHLO answer. @param messageSize bytes; 0: unlimited */
export function offers(messageSize: number, offering: Offering): string[] {
  const { service, secure, authenticated, offered } = offering;
  const mechanisms = secure && !authenticated ? (service.authenticator?.mechanisms ?? []) : [];
  return [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    messageSize > 0 ? `SIZE ${messageSize}` : "SIZE",
    `LIMITS RCPTMAX=${service.limits.recipients}`,
    ...(offered.dsn ? ["DSN"] : []),
    ...(service.chunking ? ["CHUNKING"] : []),
    ...(offered.smtputf8 ? ["SMTPUTF8"] : []),
    ...(service.starttls && !secure ? ["STARTTLS"] : []),
    ...(mayPresent(offering) ? [xclientOffer(service.presenters?.login !== undefined), xforwardOffer] : []),
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(" ")}`] : []),
  ];
}

/** SMTP, ESMTP, ESMTPS, ESMTPA or ESMTPSA; UTF8SMTP and so on with SMTPUTF8, RFC 6531 4.3. */
export function protocolWord(extended: boolean, secure: boolean, authenticated: boolean, utf8 = false): string {
  return extended ? `${utf8 ? "UTF8SMTP" : "ESMTP"}${secure ? "S" : ""}${authenticated ? "A" : ""}` : "SMTP";
}
