/** A search filter as BER, for a server. RFC 4511 4.5.1. */
import { type BerWriter, Filter as LibraryFilter, SearchFilter, type SearchFilterValues } from "ldapts";

import type { Filter, Parts } from "./filter.ts";

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

const tags = { and: 0xa0, or: 0xa1, equal: 0xa3, "at-least": 0xa5, "at-most": 0xa6, approximate: 0xa8 } as const;
const octets = 0x04;

/** The octets of a filter. */
export function encodeFilter(filter: Filter): Buffer {
  return write(elementOf(filter));
}

/** A filter in the form that the library's search request takes; its own parser is wrong in places. */
export function requestFilter(filter: Filter): LibraryFilter {
  return new EncodedFilter(elementOf(filter));
}

class EncodedFilter extends LibraryFilter {
  override readonly type: SearchFilterValues = SearchFilter.and;
  readonly #element: Element;

  constructor(element: Element) {
    super();
    this.#element = element;
  }

  override write(writer: BerWriter): void {
    writer.writeBuffer(this.#element.content, this.#element.tag);
  }

  override toString(): string {
    return write(this.#element).toString("hex");
  }
}

function elementOf(filter: Filter): Element {
  switch (filter.kind) {
    case "and":
    case "or":
      return { tag: tags[filter.kind], content: Buffer.concat(filter.filters.map(encodeFilter)) };
    case "not":
      return { tag: 0xa2, content: encodeFilter(filter.filter) };
    case "present":
      return { tag: 0x87, content: Buffer.from(filter.attribute) };
    case "substrings":
      return { tag: 0xa4, content: Buffer.concat([text(octets, filter.attribute), partsOf(filter.parts)]) };
    case "extensible": {
      const { attribute, rule, dn, value } = filter;
      const named = [...texts(0x81, rule), ...texts(0x82, attribute)];
      const last = dn ? [write({ tag: 0x84, content: Buffer.of(0xff) })] : [];
      return { tag: 0xa9, content: Buffer.concat([...named, write({ tag: 0x83, content: value }), ...last]) };
    }
    case "equal":
    case "approximate":
    case "at-least":
    case "at-most":
      return {
        tag: tags[filter.kind],
        content: Buffer.concat([text(octets, filter.attribute), write({ tag: octets, content: filter.value })]),
      };
  }
}

function partsOf({ initial, any, final }: Parts): Buffer {
  const parts = [
    ...(initial === undefined ? [] : [{ tag: 0x80, content: initial }]),
    ...any.map((content) => ({ tag: 0x81, content })),
    ...(final === undefined ? [] : [{ tag: 0x82, content: final }]),
  ];
  return write({ tag: 0x30, content: Buffer.concat(parts.map(write)) });
}

function texts(tag: number, value: string | undefined): Buffer[] {
  return value === undefined ? [] : [text(tag, value)];
}

function text(tag: number, value: string): Buffer {
  return write({ tag, content: Buffer.from(value) });
}

function write({ tag, content }: Element): Buffer {
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) {
    return Buffer.of(length);
  }
  const size = length > 0xffffff ? 4 : length > 0xffff ? 3 : length > 0xff ? 2 : 1;
  const bytes = Buffer.alloc(size + 1, 0x80 + size);
  bytes.writeUIntBE(length, 1, size);
  return bytes;
}
