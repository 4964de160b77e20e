/** Distinguished names for people: the octets that a server escapes (RFC 4514 2.4) as the letters that they are. */

/** Decodes `\C3\BC` and its like if they are UTF-8; everything else stays, ASCII escapes too. */
export function readableDn(dn: string): string {
  return dn.replace(/(?:\\[89a-f][0-9a-f])+/gi, (octets) => {
    const bytes = Buffer.from(octets.replaceAll("\\", ""), "hex");
    const text = bytes.toString("utf8");
    // U+0080 to U+009F would steer a terminal.
    return Buffer.from(text).equals(bytes) && !/[\u0080-\u009f]/.test(text) ? text : octets;
  });
}
