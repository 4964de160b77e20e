/** An address between percent signs: UTF-8 by most clients, single octets by qpsmtpd's and by qmail's. */

/** As text; octets that are no UTF-8 are characters of latin1. Undefined: a percent sign without its two digits. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return /%(?![0-9a-f]{2})/i.test(text)
      ? undefined
      : text.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  }
}
