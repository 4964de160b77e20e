/** The trace field that every relay puts in front of a message. RFC 5321 4.4. */
import { printable } from "./reply.ts";

/** The contents of the field. */
export interface Trace {
  readonly helo: string;
  /** "" if it is not known. */
  readonly host: string;
  readonly ip: string;
  readonly by: string;
  /** SMTP, ESMTP, ESMTPS …, RFC 3848. */
  readonly protocol: string;
  readonly id: string;
  /**
   * Named only if the message has one recipient, because others must not learn of each other, and only if it is a
   * dot-atom: text in quotes could pass for clauses of the field.
   */
  readonly recipient: string | undefined;
  readonly at: Date;
}

/** `Sat, 21 Nov 2026 11:00:00 +0000`, RFC 5322 3.3. */
export function mailDate(at: Date): string {
  return at.toUTCString().replace("GMT", "+0000");
}

/** RFC 5322 3.2.3, at a domain or an address literal. */
const plainAddress =
  /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*@(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[A-Za-z0-9.:]+\])$/;

/** Anything that could end a comment or a word becomes `?`. */
function safe(text: string): string {
  return printable(text).replace(/[^A-Za-z0-9.:@_%+=\-[\]]/g, "?");
}

/** The field with its folding and final CRLF. */
export function receivedField(trace: Trace): string {
  const host = trace.host === "" ? "unknown" : safe(trace.host);
  const address = trace.ip.includes(":") ? `IPv6:${trace.ip}` : trace.ip;
  const named = trace.recipient !== undefined && plainAddress.test(trace.recipient);
  const recipient = named ? `\r\n\tfor <${trace.recipient}>` : "";
  return (
    `Received: from ${safe(trace.helo)} (${host} [${address}])\r\n` +
    `\tby ${safe(trace.by)} (goodmailto) with ${trace.protocol} id ${trace.id}${recipient};\r\n` +
    `\t${mailDate(trace.at)}\r\n`
  );
}
