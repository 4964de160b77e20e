/** Text and its octets in UTF-8, one character an octet, as lines of SMTP and of lookups are read and written. */
import { isUtf8 } from "node:buffer";

const beyondAscii = /[^\x00-\x7f]/;

/** Whether a text, or octets, are not all ASCII. */
export function isBeyondAscii(text: string): boolean {
  return beyondAscii.test(text);
}

/** A text as it is sent. */
export function octetsOf(text: string): string {
  return beyondAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** The text of octets; undefined: they are no UTF-8. */
export function textOf(octets: string): string | undefined {
  if (!beyondAscii.test(octets)) {
    return octets;
  }
  const bytes = Buffer.from(octets, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}
