import { describe, expect, it } from "vitest";

import { queueIdOf } from "../../src/mail/queue-id.ts";

const replies: readonly (readonly [product: string, said: string, id: string | undefined])[] = [
  ["Postfix", "250 2.0.0 Ok: queued as 4XyZ1B2c3DzQ", "4XyZ1B2c3DzQ"],
  ["amavis", "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 9F2B41C0A3", "9F2B41C0A3"],
  ["Exim", "250 OK id=1tGxYz-00000002abc-3DeF", "1tGxYz-00000002abc-3DeF"],
  ["sendmail", "250 2.0.0 4ASCvX1r012345 Message accepted for delivery", "4ASCvX1r012345"],
  ["OpenSMTPD", "250 2.0.0 a1b2c3d4 Message accepted for delivery", "a1b2c3d4"],
  [
    "Exchange",
    "250 2.6.0 <x@sender.example> [InternalId=4711, Hostname=ex.kontor.example] Queued mail for delivery",
    "4711",
  ],
  ["qmail", "250 ok 1732000000 qp 4711", "4711"],
  ["Haraka", "250 Message Queued (D1C2-11.1)", "D1C2-11.1"],
  ["Domino", "250 Message accepted for delivery", undefined],
  ["nobody", "250 OK", undefined],
];

describe("queueIdOf", () => {
  it.each(replies)("finds the id of %s", (_product, said, id) => {
    expect(queueIdOf(said)).toBe(id);
  });
});
