/** The Message-ID of a header section. RFC 5322 3.6.4. */

const field = /^message-id[ \t]*:[ \t\r\n]*(<[^<>\r\n]*>|[^\s]+)/im;
/** A longer one is cut: RFC 5322 knows no limit, lines have 998 octets. */
const most = 255;

/** @param header in wire form, one character an octet; undefined: there is none */
export function messageIdOf(header: string): string | undefined {
  return field.exec(header)?.[1]?.slice(0, most);
}
