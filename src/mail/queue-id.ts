/** The id under which a next hop goes on with a message, as far as its 250 to the final dot is recognised. */

/** By product; the first that fits. Domino and Notes say no id. */
const forms: readonly RegExp[] = [
  // Postfix, amavis, hMailServer; Haraka in parentheses.
  /\bqueued as ([\w.-]+)/i,
  // Exchange: "2.6.0 <id> [InternalId=42, Hostname=ex] Queued mail for delivery".
  /\bInternalId=(\d+)/i,
  // Exim.
  /\bid=([\w-]+)/,
  // sendmail, OpenSMTPD.
  /(?:^|\s)([\w.-]{6,})\s+Message accepted for delivery/,
  // qmail: "ok 1732000000 qp 4711".
  /\bqp (\d+)/,
  /\bMessage Queued \(([\w.-]+)\)/i,
  // Google: "2.0.0 OK  1732000000 a640c23a-20020 - gsmtp".
  /\bOK\s+\d+ (\S+) - gsmtp/,
];

/** @param said the hop's reply in one line; undefined: it names none that is recognised */
export function queueIdOf(said: string): string | undefined {
  for (const form of forms) {
    const id = form.exec(said)?.[1];
    if (id !== undefined) {
      return id.slice(0, 100);
    }
  }
  return undefined;
}
