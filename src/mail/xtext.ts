/** xtext: printable ASCII for text of any kind, as XCLIENT, XFORWARD and DSN parameters have it. RFC 3461 4. */

/** Encodes text, in UTF-8 where it is not ASCII. */
export function toXtext(text: string): string {
  return Buffer.from(text, "utf8")
    .toString("latin1")
    .replace(/[^!-~]|[+=]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/** Whether this is xtext. */
export function isXtext(text: string): boolean {
  return /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/.test(text);
}

/** Decodes it, one character an octet; undefined if it is not xtext. */
export function fromXtext(text: string): string | undefined {
  return isXtext(text)
    ? text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : undefined;
}
