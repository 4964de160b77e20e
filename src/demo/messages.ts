/** LDAP messages as values: requests read, responses written. RFC 4511 4; paged results RFC 2696. */
import { BerWriter } from "ldapts";

import { BerFault, expectTag, readBoolean, readElements, readInteger, readText, tags } from "./ber.ts";
import { scopes } from "./entries.ts";
import { readFilter } from "./filter.ts";
import type { Element } from "./ber.ts";
import type { Attribute, SearchScope } from "./entries.ts";
import type { Filter } from "./filter.ts";

/** The paged results control. */
export const pagedResults = "1.2.840.113556.1.4.319";
/** Notice of disconnection. RFC 4511 4.4.1. */
const noticeOfDisconnection = "1.3.6.1.4.1.1466.20036";

/** Result codes that this directory gives. RFC 4511 4.1.9. */
export const codes = {
  success: 0,
  protocolError: 2,
  sizeLimitExceeded: 4,
  authMethodNotSupported: 7,
  unavailableCriticalExtension: 12,
  inappropriateMatching: 18,
  noSuchObject: 32,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  unwillingToPerform: 53,
} as const;

/** A control beside a request. */
export interface Control {
  readonly type: string;
  readonly critical: boolean;
  readonly value: Buffer | undefined;
}

/** A page as the client asks for it. */
export interface PageRequest {
  readonly size: number;
  readonly cookie: Buffer;
}

/** A search, decoded. */
export interface Search {
  readonly base: string;
  readonly scope: SearchScope;
  readonly sizeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

/** The operation of a request and the tag of its response. */
export interface Request {
  readonly id: number;
  readonly operation: Element;
  readonly controls: readonly Control[];
}

/** How an operation ended. */
export interface Result {
  readonly code: number;
  readonly message?: string;
  readonly matchedDn?: string;
  /** Cookie of the paged results control to send along; undefined is not a control. */
  readonly cookie?: Buffer | undefined;
}

/** Reads one complete message. @throws BerFault */
export function readRequest(message: Buffer): Request {
  const [sequence] = readElements(message);
  const [id, operation, controls] = readElements(expectTag(sequence, tags.sequence));
  if (operation === undefined) {
    throw new BerFault("A message has no operation");
  }
  const list = controls === undefined ? [] : readElements(expectTag(controls, 0xa0));
  return { id: readInteger(id), operation, controls: list.map(readControl) };
}

function readControl(element: Element): Control {
  const [type, ...rest] = readElements(expectTag(element, tags.sequence));
  const critical = rest[0]?.tag === tags.boolean ? readBoolean(rest.shift()) : false;
  return { type: readText(type), critical, value: rest[0] === undefined ? undefined : expectTag(rest[0], tags.octets) };
}

/** Reads the value of the paged results control; undefined if there is no such control. @throws BerFault */
export function readPage(controls: readonly Control[]): PageRequest | undefined {
  const value = controls.find(({ type }) => type === pagedResults)?.value;
  if (value === undefined) {
    return undefined;
  }
  const [sequence] = readElements(value);
  const [size, cookie] = readElements(expectTag(sequence, tags.sequence));
  return { size: readInteger(size), cookie: expectTag(cookie, tags.octets) };
}

/** Reads a search request. @throws BerFault, UnsupportedFilter */
export function readSearch({ content }: Element): Search {
  const [base, scope, , sizeLimit, , typesOnly, filter, attributes] = readElements(content);
  const name = scopes[readInteger(scope, tags.enumerated)];
  if (name === undefined) {
    throw new BerFault("A search has an unknown scope");
  }
  return {
    base: readText(base),
    scope: name,
    sizeLimit: readInteger(sizeLimit),
    typesOnly: readBoolean(typesOnly),
    filter: readFilter(filter),
    attributes: readElements(expectTag(attributes, tags.sequence)).map((each) => readText(each)),
  };
}

/** Reads a bind request; `password` is undefined if it is not a simple bind. @throws BerFault */
export function readBind({ content }: Element): { version: number; dn: string; password: string | undefined } {
  const [version, dn, authentication] = readElements(content);
  const password = authentication?.tag === 0x80 ? authentication.content.toString("utf8") : undefined;
  return { version: readInteger(version), dn: readText(dn), password };
}

function writeMessage(id: number, tag: number, body: (writer: BerWriter) => void, cookie?: Buffer): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  writer.startSequence(tag);
  body(writer);
  writer.endSequence();
  if (cookie !== undefined) {
    writer.startSequence(0xa0);
    writer.startSequence();
    writer.writeString(pagedResults);
    const value = new BerWriter();
    value.startSequence();
    // The estimate of the total; 0 is "unknown".
    value.writeInt(0);
    value.writeBuffer(cookie, tags.octets);
    value.endSequence();
    writer.writeBuffer(value.buffer, tags.octets);
    writer.endSequence();
    writer.endSequence();
  }
  writer.endSequence();
  return writer.buffer;
}

/** The answer to anything but a found entry; `tag` is the response's. With the id 0 it is a notice of disconnection. */
export function writeResult(id: number, tag: number, { code, message = "", matchedDn = "", cookie }: Result): Buffer {
  const body = (writer: BerWriter): void => {
    writer.writeEnumeration(code);
    writer.writeString(matchedDn);
    writer.writeString(message);
    if (id === 0) {
      writer.writeString(noticeOfDisconnection, 0x8a);
    }
  };
  return writeMessage(id, tag, body, cookie);
}

/** One found entry. */
export function writeEntry(id: number, dn: string, attributes: readonly Attribute[], typesOnly: boolean): Buffer {
  return writeMessage(id, 0x64, (writer) => {
    writer.writeString(dn);
    writer.startSequence();
    for (const { name, values } of attributes) {
      writer.startSequence();
      writer.writeString(name);
      writer.startSequence(0x31);
      for (const value of typesOnly ? [] : values) {
        writer.writeBuffer(typeof value === "string" ? Buffer.from(value) : Buffer.from(value), tags.octets);
      }
      writer.endSequence();
      writer.endSequence();
    }
    writer.endSequence();
  });
}

/** A continuation reference: the rest of the answer is elsewhere. */
export function writeReference(id: number, url: string): Buffer {
  return writeMessage(id, 0x73, (writer) => writer.writeString(url));
}
