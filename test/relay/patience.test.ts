/** What becomes of waiting: nobody waits for a hop that has just let another wait, and no answer of a hop is lost. */
import { afterEach, describe, expect, it, vi } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { Answer, Moment, NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

let hop: NextHop;
let relay: TestRelay;
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await relay.stop();
  await hop.close();
});

async function begin(script: NextHopScript, more = "", timeout = "700ms"): Promise<void> {
  hop = await startNextHop(script);
  relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "${timeout}"\ndata_timeout = "5s"\n${more}`,
    snapshot: ["vera"],
  });
}

async function toRecipient(): Promise<{ client: SmtpClient; answer: string | undefined; ms: number }> {
  const client = await SmtpClient.open(relay.port);
  await client.reply();
  await client.command("EHLO client.test");
  await client.command("MAIL FROM:<a@sender.test>");
  const started = performance.now();
  const answer = await client.command("RCPT TO:<vera@kontor.example>");
  return { client, answer, ms: performance.now() - started };
}

async function message(client: SmtpClient): Promise<string | undefined> {
  expect(await client.command("DATA")).toMatch(/^354 /);
  return client.command("Subject: x\r\n\r\ntext\r\n.");
}

/** The clock goes three seconds ahead, as if a kept connection had been kept for so long. */
function letTimePass(): void {
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + 3000);
}

describe("a next hop that lets us wait", () => {
  it.each(["mail", "rcpt"] as const)("at %s is not shut for others: the next session is served", async (stage) => {
    const hangsFirst: (moment: Moment) => Answer | undefined = ({ connection }) =>
      connection === 1 ? { hang: true } : undefined;
    await begin({ answers: { [stage]: hangsFirst } });
    const first = await toRecipient();
    expect(first.answer).toMatch(/^451 /);
    expect(first.ms).toBeGreaterThanOrEqual(650);
    const second = await toRecipient();
    expect(second.answer).toMatch(/^250 /);
    first.client.close();
    second.client.close();
  });

  it("on a kept connection is asked once more on a fresh one", async () => {
    await begin({});
    const first = await toRecipient();
    expect(await message(first.client)).toMatch(/^250 /);
    hop.script.answers = { mail: ({ connection }) => (connection === 1 ? { hang: true } : undefined) };
    const second = await toRecipient();
    expect(second.answer).toMatch(/^250 /);
    expect(hop.connections).toBe(2);
    first.client.close();
    second.client.close();
  });

  it("at MAIL on a connection that was kept for long has five seconds, however long its time limit is", async () => {
    await begin({}, "", "5m");
    const first = await toRecipient();
    expect(await message(first.client)).toMatch(/^250 /);
    hop.script.answers = { mail: ({ connection }) => (connection === 1 ? { hang: true } : undefined) };
    letTimePass();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await first.client.command("MAIL FROM:<a@sender.test>");
    first.client.write("RCPT TO:<vera@kontor.example>\r\n");
    await hop.until(() => hop.commands[0]?.filter((line) => line.startsWith("MAIL")).length === 2);
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
    expect(await first.client.reply()).toMatch(/^250 /);
    expect(await message(first.client)).toMatch(/^250 /);
    expect(hop.received.map(({ connection }) => connection)).toEqual([1, 2]);
    first.client.close();
  });

  it.each(["at once", "for long"])(
    "at RCPT on a connection that was kept %s has all its time, as on a fresh one",
    async (kept) => {
      await begin({}, "", "20s");
      const first = await toRecipient();
      expect(await message(first.client)).toMatch(/^250 /);
      hop.script.answers = { rcpt: { later: 5500, reply: "250 2.1.5 at last" } };
      if (kept === "for long") {
        letTimePass();
      }
      expect(await first.client.command("MAIL FROM:<a@sender.test>")).toMatch(/^250 /);
      expect(await first.client.command("RCPT TO:<vera@kontor.example>")).toMatch(/^250 /);
      expect(await message(first.client)).toMatch(/^250 /);
      expect([hop.connections, hop.commands.flat().filter((line) => line.startsWith("RCPT")).length]).toEqual([1, 2]);
      first.client.close();
    },
    20_000,
  );
});

describe("the answer to a message", () => {
  it("counts though rubbish follows it in the same packet", async () => {
    await begin({ answers: { dot: { bytes: "250 2.0.0 ok\r\n\xff\xfe\r\n" } } });
    const { client } = await toRecipient();
    expect(await message(client)).toBe("250 2.0.0 ok");
    client.close();
  });

  it("is waited for though the session's time is over, and told to the client", async () => {
    await begin({ answers: { dot: { later: 1500, reply: "250 2.0.0 late" } } }, '[limits]\nsession_time = "700ms"\n');
    const { client } = await toRecipient();
    expect(await message(client)).toBe("250 2.0.0 late");
    expect(await client.reply()).toMatch(/^421 4\.4\.2 /);
    client.close();
  });
});
