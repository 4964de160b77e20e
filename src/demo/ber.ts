/**
 * Reading BER as LDAP uses it: definite lengths, one-byte tags. X.690, RFC 4511 5.1.
 *
 * Writing is done with the LDAP library's BerWriter; its reader trusts lengths, which a server must not.
 */

/** A message that is not BER, or not the BER that LDAP allows. */
export class BerFault extends Error {
  override readonly name = "BerFault";
}

/** One tag with what it holds. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** Where an element ends, header included; undefined while its header is not complete. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Tags of universal types. */
export const tags = { boolean: 0x01, integer: 0x02, octets: 0x04, enumerated: 0x0a, sequence: 0x30 } as const;

/**
 * Measures the element at `offset`, whether or not all of it is there.
 * @throws BerFault if the header is not one that LDAP allows
 */
export function measure(data: Buffer, offset = 0): Extent | undefined {
  const first = data[offset + 1];
  if (first === undefined) {
    return undefined;
  }
  if (((data[offset] ?? 0) & 0x1f) === 0x1f) {
    throw new BerFault("A tag has more than one byte");
  }
  if (first < 0x80) {
    return { start: offset + 2, end: offset + 2 + first };
  }
  const count = first & 0x7f;
  if (count === 0 || count > 4) {
    throw new BerFault("A length is indefinite or has more than 4 bytes");
  }
  const start = offset + 2 + count;
  return data.length < start ? undefined : { start, end: start + data.readUIntBE(offset + 2, count) };
}

/**
 * Reads all elements that are in a row.
 * @throws BerFault if one is cut or malformed
 */
export function readElements(data: Buffer): Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < data.length;) {
    const extent = measure(data, offset);
    if (extent === undefined || extent.end > data.length) {
      throw new BerFault("An element is cut");
    }
    elements.push({ tag: data[offset] ?? 0, content: data.subarray(extent.start, extent.end) });
    offset = extent.end;
  }
  return elements;
}

/** The element, if it has the tag; else a {@link BerFault}. */
export function expectTag(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) {
    throw new BerFault(
      `Expected tag 0x${tag.toString(16)}, found ${element === undefined ? "nothing" : `0x${element.tag.toString(16)}`}`,
    );
  }
  return element.content;
}

/** Text in UTF-8. */
export function readText(element: Element | undefined, tag: number = tags.octets): string {
  return expectTag(element, tag).toString("utf8");
}

/** An INTEGER or ENUMERATED of at most 5 bytes: enough for LDAP's 0 to 2^31-1 with a leading zero. */
export function readInteger(element: Element | undefined, tag: number = tags.integer): number {
  const content = expectTag(element, tag);
  if (content.length === 0 || content.length > 5) {
    throw new BerFault("An integer has no bytes or too many");
  }
  return content.readIntBE(0, content.length);
}

/** A BOOLEAN; anything but 0 is true. */
export function readBoolean(element: Element | undefined): boolean {
  return expectTag(element, tags.boolean).some((byte) => byte !== 0);
}
