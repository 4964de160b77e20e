/** The demo's next hop, and the demo's own client talking to it. */
import { afterEach, describe, expect, it } from "vitest";

import { findSubject, startNextHop } from "../../src/demo/next-hop.ts";
import type { DemoNextHop, ReceivedMessage } from "../../src/demo/next-hop.ts";
import { talk } from "../../src/demo/talk.ts";

let hop: DemoNextHop | undefined;
afterEach(() => hop?.close());

describe("the demo's next hop", () => {
  it("takes everything and says what it was", async () => {
    const seen: ReceivedMessage[] = [];
    hop = await startNextHop({ received: (message) => seen.push(message) });
    const message = "Subject: a folded\r\n one\r\n\r\nText\r\n";
    const printed: string[] = [];
    const { expected, codes } = await talk(
      hop.port,
      [
        { expect: 220 },
        { say: "EHLO client.example", expect: 250 },
        { say: "MAIL FROM:<>", expect: 250 },
        { say: "RCPT TO:<ada@kontor.example>", expect: 250 },
        { say: "RCPT TO:<anybody@else.example>", expect: 250 },
        { say: "DATA", expect: 354 },
        { say: `${message}.`, expect: 250 },
        { say: "QUIT", expect: 250 },
      ],
      (line) => printed.push(line),
    );
    expect(codes).toEqual([220, 250, 250, 250, 250, 354, 250, 221]);
    expect(expected).toBe(false);
    expect(printed.filter((line) => line.startsWith("  !"))).toEqual(["  ! expected 250"]);
    const recipients = ["ada@kontor.example", "anybody@else.example"];
    expect(seen).toEqual([{ sender: "", recipients, bytes: message.length, subject: "a folded one" }]);
  });

  it("is not asked further where an answer decides", async () => {
    hop = await startNextHop({ received: () => expect.unreachable() });
    const printed: string[] = [];
    const steps = [
      { expect: 220 },
      { say: "MAIL FROM:<>", expect: 250, decides: true },
      { say: "DATA", expect: 354 },
      { say: "QUIT", expect: 221 },
    ];
    const { codes, expected } = await talk(hop.port, steps, (line) => printed.push(line));
    expect(codes).toEqual([220, 503, 221]);
    expect(expected).toBe(false);
    expect(printed.join("")).not.toContain("!");
  });

  it("says so when its port is taken", async () => {
    hop = await startNextHop({ received: () => undefined });
    await expect(startNextHop({ port: hop.port, received: () => undefined })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  it.each([
    ["From: x\r\nSUBJECT:  y \r\n\r\nSubject: z", "y"],
    ["From: x\n\nSubject: z", ""],
    ["Subject:\r\n\tlate\r\nX: y", "late"],
  ])("finds the subject of %j", (header, subject) => {
    expect(findSubject(header)).toBe(subject);
  });
});
