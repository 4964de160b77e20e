/** What EHLO offers, and the word for a session in the Received field. RFC 5321 4.1.1.1, RFC 1870, RFC 3848. */

/** What the keywords depend on. */
interface Offering {
  readonly service: {
    readonly starttls: boolean;
    readonly authenticator: { readonly mechanisms: readonly string[] } | undefined;
  };
  readonly secure: boolean;
  readonly authenticated: boolean;
}

/** The keywords of the EHLO answer. @param messageSize bytes; 0: unlimited */
export function offers(messageSize: number, { service, secure, authenticated }: Offering): string[] {
  const mechanisms = secure && !authenticated ? (service.authenticator?.mechanisms ?? []) : [];
  return [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    messageSize > 0 ? `SIZE ${messageSize}` : "SIZE",
    ...(service.starttls && !secure ? ["STARTTLS"] : []),
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(" ")}`] : []),
  ];
}

/** SMTP, ESMTP, ESMTPS, ESMTPA or ESMTPSA. */
export function protocolWord(extended: boolean, secure: boolean, authenticated: boolean): string {
  return extended ? `ESMTP${secure ? "S" : ""}${authenticated ? "A" : ""}` : "SMTP";
}
