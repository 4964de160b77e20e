import { once } from "node:events";
import { connect } from "node:net";

import * as fc from "fast-check";
import { type Message, MessageParser, PresenceFilter, SearchEntry, SearchRequest, SearchResponse } from "ldapts";
import { describe, expect, it } from "vitest";

import { decodeValue } from "../../sync/entry.ts";
import { type FoundEntry, readFoundEntry as readUnchecked } from "../../sync/sources/found-entry.ts";
import { createFramer } from "../../sync/sources/framer.ts";
import { element, messagesOf, type Written, write } from "../fakes/ldap-messages.ts";
import { missing } from "../fakes/need.ts";
import { startSlapd } from "../fakes/slapd.ts";

function readFoundEntry(message: Buffer): FoundEntry | undefined {
  const entry = readUnchecked(message);
  entry?.check();
  return entry;
}

/** The same message by the library. */
function byLibrary(message: Buffer): Message {
  const parser = new MessageParser();
  let read: Message | Error = new Error("no message");
  parser.on("message", (one) => (read = one));
  parser.on("error", (error) => (read = error));
  parser.read(message, new Map());
  if (read instanceof Error) {
    throw read;
  }
  return read;
}

function compare(ours: FoundEntry | undefined, theirs: Message): void {
  if (!(theirs instanceof SearchEntry)) {
    expect(ours).toBeUndefined();
    return;
  }
  expect(ours?.messageId).toBe(theirs.messageId);
  expect(ours?.name).toBe(theirs.name);
  expect(ours?.attributes.map(({ type, values }) => ({ type, values }))).toEqual(
    theirs.attributes.map(({ type, parsedBuffers }) => ({
      type,
      values: parsedBuffers.map((octets) => decodeValue(octets)),
    })),
  );
  expect(ours?.attributes.map(({ octets }) => octets)).toEqual(
    theirs.attributes.map(({ parsedBuffers }) => parsedBuffers),
  );
}

const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 20 }));
const value = fc.oneof(
  text.map((one) => Buffer.from(one)),
  fc.constant(Buffer.from("\uFEFFanna@kontor.example")),
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: 0, max: 6000 }).map((length) => Buffer.alloc(length, "a")),
);
const attribute = fc.record({
  type: fc.oneof(fc.constantFrom("mail", "userCertificate;binary", "proxyAddresses;range=0-1"), text),
  values: fc.array(value, { maxLength: 4 }),
});
const written: fc.Arbitrary<Written> = fc.record({
  id: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  name: text,
  attributes: fc.array(attribute, { maxLength: 4 }),
  form: fc.constantFrom(0, 0, 3, 4),
});

describe("an entry read from its octets", () => {
  it("says what the library says of it", () => {
    fc.assert(
      fc.property(written, (entry) => {
        const message = write(entry);
        compare(readFoundEntry(message), byLibrary(message));
      }),
    );
  });

  it("is read without an error, or refused as a RangeError, whatever octet is wrong", () => {
    const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(written, place, fc.integer({ min: 0, max: 255 }), (entry, at, octet) => {
        const message = write({ ...entry, attributes: entry.attributes.slice(0, 2) });
        message[Math.floor(at * Math.min(message.length, 200))] = octet;
        try {
          for (const { values, octets } of readFoundEntry(message)?.attributes ?? []) {
            expect(octets.map((one) => decodeValue(one))).toEqual(values);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("has its own attributes where the entry before had others at their places", () => {
    const types = ["mail", "MAIL", "mai", "mail;x", "m\u00e4il", "maik", "x".repeat(65), ""];
    for (const [index, type] of [...types, ...types.toReversed(), "mail", "mail"].entries()) {
      const attributes = ["uid", type, ...types.slice(index % 3)].map((name) => ({ type: name, values: [] }));
      const message = write({ id: index + 1, name: "uid=anna", attributes, form: 0 });
      compare(readFoundEntry(message), byLibrary(message));
      expect(readFoundEntry(message)?.attributes[1]?.type).toBe(type);
    }
  });

  it("is refused where it is cut, though the lengths around it are right", () => {
    const value = element(0x04, Buffer.from("anna@kontor.example"));
    const broken = Buffer.concat([Buffer.from([0x04, 100]), Buffer.from("anna@kontor.example")]);
    const messageOf = (content: Buffer): Buffer => {
      const list = element(0x30, Buffer.concat([element(0x04, Buffer.from("mail")), element(0x31, content)]));
      const entry = Buffer.concat([element(0x04, Buffer.from("uid=anna")), element(0x30, list)]);
      return element(0x30, Buffer.concat([element(0x02, Buffer.from([7])), element(0x64, entry)]));
    };
    expect(readFoundEntry(messageOf(value))?.attributes[0]?.values).toEqual(["anna@kontor.example"]);
    expect(() => readFoundEntry(messageOf(broken))).toThrow("too long");
    expect(() => readFoundEntry(messageOf(Buffer.from([0x04])))).toThrow("without the element");
    expect(() => readFoundEntry(messageOf(Buffer.from([0x04, 0x80])))).toThrow("unknown form");
    expect(() => readFoundEntry(messageOf(Buffer.from([0x02, 1, 1])))).toThrow("without the element");
  });
});

describe.skipIf(missing("slapd"))("entries of a real slapd", () => {
  it("are what the library reads", async () => {
    const photo = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 1, 2, 3]).toString("base64");
    const people = ["Anna", "Jürgen", "李小龍", "x".repeat(6000)].map(
      (name, index) =>
        `dn: uid=user${index},o=Kontor\nobjectClass: inetOrgPerson\ncn:: ${Buffer.from(name).toString("base64")}\n` +
        `sn: User\nuid: user${index}\nmail: user${index}@kontor.example\nmail: other${index}@kontor.example\n` +
        `description;lang-de: dort\njpegPhoto:: ${photo}\n`,
    );
    const slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: `dn: o=Kontor\nobjectClass: organization\no: Kontor\n\n${people.join("\n")}\n`,
    });
    try {
      const messages = await search(slapd.port);
      messages.forEach((message) => compare(readFoundEntry(message), byLibrary(message)));
      const names = messages.flatMap((message) => readFoundEntry(message)?.name ?? []);
      expect(names).toHaveLength(5);
    } finally {
      await slapd.stop();
    }
  });
});

/** All messages of a search for everything. */
async function search(port: number): Promise<Buffer[]> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const request = new SearchRequest({
    messageId: 1,
    baseDN: "o=Kontor",
    scope: "sub",
    filter: new PresenceFilter({ attribute: "objectClass" }),
    attributes: ["*", "+"],
  });
  socket.write(request.write());
  const framer = createFramer();
  const messages: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    messages.push(...messagesOf(framer.push(chunk)));
    if (messages.some((message) => byLibrary(message) instanceof SearchResponse)) {
      break;
    }
  }
  return messages;
}
