import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createFramer } from "../../sync/sources/framer.ts";
import { messagesOf } from "../fakes/ldap-messages.ts";

/** A SEQUENCE with a length of 1, 2, 3 or 5 bytes. */
function sequence(content: Buffer, form: number): Buffer {
  const length = content.length;
  if (form === 0 && length < 0x80) {
    return Buffer.concat([Buffer.from([0x30, length]), content]);
  }
  const size = Math.max(form, length > 0xffff ? 3 : length > 0xff ? 2 : 1);
  const header = Buffer.alloc(2 + size);
  header.writeUInt8(0x30, 0);
  header.writeUInt8(0x80 + size, 1);
  header.writeUIntBE(length, 2, size);
  return Buffer.concat([header, content]);
}

describe("the framer", () => {
  it("gives back every message, however the stream is cut", () => {
    const content = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
    const message = fc.tuple(content, fc.integer({ min: 0, max: 4 })).map(([bytes, form]) => sequence(bytes, form));
    const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), cuts, (messages, sizes) => {
        const framer = createFramer();
        const stream = Buffer.concat(messages);
        const read: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          read.push(...messagesOf(framer.push(stream.subarray(at, at + size))));
          at += size;
        }
        expect(read).toEqual(messages);
        expect(framer.pending).toBe(0);
      }),
    );
  });

  it("never keeps more than the ceiling, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 50 }), (chunks) => {
        const framer = createFramer(200);
        try {
          for (const chunk of chunks) {
            for (const message of messagesOf(framer.push(Buffer.from([0x30, ...chunk].slice(0, chunk.length))))) {
              expect(message.length).toBeLessThanOrEqual(200);
            }
            expect(framer.pending).toBeLessThanOrEqual(200);
          }
        } catch (error) {
          if (!(error instanceof RangeError)) {
            throw error;
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("refuses what is no message before it is whole", () => {
    expect(() => createFramer().push(Buffer.from("HTTP"))).toThrow("0x48");
    expect(() => createFramer().push(Buffer.from([0x30, 0x80]))).toThrow("length");
    expect(() => createFramer().push(Buffer.from([0x30, 0x85]))).toThrow("length");
    expect(() => createFramer(1000).push(Buffer.from([0x30, 0x82, 0x10, 0x00]))).toThrow("over the limit of 1000");
  });
});
