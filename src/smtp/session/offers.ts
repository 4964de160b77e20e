/** What EHLO offers, and the word for a session in the Received field. RFC 5321 4.1.1.1, RFC 1870, RFC 3848. */

/** The keywords of the EHLO answer. @param messageSize bytes; 0 is no limit @param mechanisms of AUTH; none: it is not offered */
export function offers(messageSize: number, starttls: boolean, mechanisms: readonly string[]): string[] {
  return [
    "PIPELINING",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    messageSize > 0 ? `SIZE ${messageSize}` : "SIZE",
    ...(starttls ? ["STARTTLS"] : []),
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(" ")}`] : []),
  ];
}

/** SMTP, ESMTP, ESMTPS, ESMTPA or ESMTPSA. */
export function protocolWord(extended: boolean, secure: boolean, authenticated: boolean): string {
  return extended ? `ESMTP${secure ? "S" : ""}${authenticated ? "A" : ""}` : "SMTP";
}
