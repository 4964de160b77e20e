/** The next hop at its worst while the client sends by BDAT: 250 behind the last chunk only if the hop said so. docs/design.md promise 1. */
import { afterEach, describe, expect, it } from "vitest";

import type { Answer, NextHopScript, Stage } from "../fakes/next-hop.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene } from "./scene.ts";

afterEach(closeScenes);

const smtp = `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nshutdown_timeout = "2s"\nchunking = true`;

const behaviours: Readonly<Record<string, Answer>> = {
  closes: { drop: "fin" },
  resets: { drop: "rst" },
  "says 421 and closes": { drop: "fin", first: "421 4.3.2 Closing down" },
  "says 999": "999 9.9.9 What",
  "speaks 8-bit": { bytes: "\xff\xfe\x80\r\n" },
  "mixes codes": { bytes: "250-one\r\n550 two\r\n" },
  "says 554": "554 5.7.1 Not you",
  "says 451": "451 4.7.1 Later",
};
const stages: readonly Stage[] = ["mail", "rcpt", "data", "dot"];

/** One message in two chunks, all in one go: the replies to RCPT and to both. */
async function send(client: SmtpClient, body = "x\r\n"): Promise<string[]> {
  const text = "Subject: x\r\n\r\n";
  client.write(`MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nBDAT ${text.length}\r\n${text}`);
  client.write(`BDAT ${body.length} LAST\r\n${body}`);
  expect(await client.reply()).toMatch(/^250/);
  return [(await client.reply()) ?? "closed", (await client.reply()) ?? "closed", (await client.reply()) ?? "closed"];
}

describe("a next hop that fails a client with chunks", () => {
  for (const stage of stages) {
    it(`never makes a 250 of ours at ${stage}`, async () => {
      for (const [name, answer] of Object.entries(behaviours)) {
        const { relay, hop } = await scene({ answers: { [stage]: answer } }, smtp);
        const client = await hello(relay);
        const replies = await send(client);
        const where = `${name}: ${JSON.stringify(replies)}`;
        const at = stage === "dot" ? 2 : stage === "data" ? 1 : 0;
        expect(replies[at], where).toMatch(name === "says 554" ? /^554 5\.7\.1 Not you$/ : /^451 /);
        expect(
          replies.slice(0, at).every((text) => text.startsWith("250")),
          where,
        ).toBe(true);
        // Nothing behind it begins a message, and the session goes on.
        expect(
          replies.slice(at + 1).every((text) => /^5(?:03|54) 5\.5\.1 /.test(text)),
          where,
        ).toBe(true);
        expect(await client.command("NOOP"), where).toBe("250 2.0.0 OK");
        expect(relay.metrics.totals()["session_faults"] ?? 0, where).toBe(0);
        expect(hop.violations, where).toEqual([]);
        expect(
          hop.received.filter(({ answer: said }) => said.startsWith("250 ")),
          where,
        ).toEqual([]);
        client.close();
      }
    });
  }

  it.each<[string, NonNullable<NextHopScript["content"]>["answer"], string]>([
    ["dies", { drop: "rst" }, "451 4.4.2 Lost the next hop, try again later"],
    ["refuses", "552 5.3.4 Too big for me", "552 5.3.4 Too big for me"],
    ["says that it has it", "250 2.0.0 Have it already", "451 4.4.2 Lost the next hop, try again later"],
  ])("that %s in the middle of a chunk, and the next message gets through", async (_, answer, told) => {
    const { relay, hop } = await scene({ content: { after: 1000, answer } }, smtp);
    const client = await hello(relay);
    expect(await send(client, "x".repeat(900_000))).toEqual([
      "250 2.1.5 Recipient OK",
      "250 2.0.0 Chunk received",
      told,
    ]);
    expect(hop.received).toEqual([]);
    hop.script.content = undefined;
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
  });

  it("still has the message when the client dies behind the last chunk", async () => {
    const { relay, hop } = await scene({ answers: { dot: { later: 100, reply: "250 2.0.0 Accepted" } } }, smtp);
    const client = await hello(relay);
    client.write("MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nBDAT 3 LAST\r\nx\r\n");
    await hop.until(() => hop.received.length === 1);
    client.destroy();
    await expect.poll(() => hop.received[0]?.answer, { timeout: 8000 }).toBe("250 2.0.0 Accepted");
  });
});
