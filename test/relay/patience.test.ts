/** What becomes of waiting: nobody waits for a hop that has just let another wait, and no answer of a hop is lost. */
import { afterEach, describe, expect, it, vi } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

let hop: NextHop;
let relay: TestRelay;
afterEach(async () => {
  vi.useRealTimers();
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

describe("a next hop that lets us wait", () => {
  it.each(["mail", "rcpt"] as const)(
    "at %s rests for some seconds: the next session is answered at once",
    async (stage) => {
      await begin({ answers: { [stage]: { hang: true } } });
      const first = await toRecipient();
      expect(first.answer).toMatch(/^451 /);
      expect(first.ms).toBeGreaterThanOrEqual(650);
      const second = await toRecipient();
      expect(second.answer).toMatch(/^451 4\.4\.1 /);
      expect(second.ms).toBeLessThan(500);
      first.client.close();
      second.client.close();
    },
  );

  it("on a kept connection is asked once more on a fresh one, and rests then", async () => {
    await begin({});
    const first = await toRecipient();
    expect(await message(first.client)).toMatch(/^250 /);
    hop.script.answers = { mail: { hang: true } };
    const second = await toRecipient();
    expect(second.answer).toMatch(/^451 /);
    expect(hop.connections).toBe(2);
    const third = await toRecipient();
    expect(third.answer).toMatch(/^451 4\.4\.1 /);
    expect(third.ms).toBeLessThan(500);
    third.client.close();
    first.client.close();
    second.client.close();
  });

  it("on a kept connection has five seconds, however long its time limit is", async () => {
    await begin({}, "", "5m");
    const first = await toRecipient();
    expect(await message(first.client)).toMatch(/^250 /);
    hop.script.answers = { mail: ({ connection }) => (connection === 1 ? { hang: true } : undefined) };
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
