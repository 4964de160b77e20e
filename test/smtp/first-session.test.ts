/** What next hops offer is known before a port is open; of one that does not answer, the relay promises what it can keep. */
import { afterEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const usual = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES"];
const everything: NextHopScript = { keywords: [...usual, "DSN", "SMTPUTF8"] };
const patience = 1000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

async function hopOf(script: NextHopScript): ReturnType<typeof startNextHop> {
  const hop = await startNextHop(script);
  ends.push(() => hop.close());
  return hop;
}

/** A relay whose start waits for its hops. */
async function relayTo(ports: readonly number[], text?: string): Promise<TestRelay> {
  const relay = await startTestRelay({ config: text ?? routeTo(ports), patience });
  ends.push(() => relay.stop());
  return relay;
}

function routeTo(ports: readonly number[]): string {
  return `[[route]]\ndomain = "*"\nnext_hop = [${ports.map((port) => `"smtp://127.0.0.1:${port}"`).join(", ")}]\n`;
}

/** Of the extensions, those that EHLO offers. */
async function offers({ port }: TestRelay): Promise<string[]> {
  const client = await SmtpClient.open(port);
  await client.reply();
  const said = (await client.command("EHLO client.example")) ?? "";
  client.close();
  return ["DSN", "SMTPUTF8"].filter((word) => new RegExp(`^250[- ]${word}\\r?$`, "m").test(said));
}

/** The replies to a message for an address in UTF-8, up to the one to RCPT. */
async function sendUtf8({ port }: TestRelay): Promise<string[]> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command("EHLO client.example");
  const mail = await client.command("MAIL FROM:<s@sender.example> SMTPUTF8");
  const rcpt = await client.command(Buffer.from("RCPT TO:<jürgen@kontor.example>", "utf8").toString("latin1"));
  client.close();
  return [mail, rcpt].map((reply) => (reply ?? "closed").slice(0, 9));
}

describe("the first session", () => {
  it("is offered what every hop offers, those that only stand by included, each asked once", async () => {
    const hops = [await hopOf(everything), await hopOf(everything)];
    const [first, second] = hops.map(({ port }) => port);
    const text = `${routeTo([first ?? 0, second ?? 0])}[[route]]\ndomain = "other.example"\nnext_hop = "smtp://127.0.0.1:${second}"\n`;
    const relay = await relayTo([], text);
    expect(await offers(relay)).toEqual(["DSN", "SMTPUTF8"]);
    expect(hops.map(({ commands }) => commands)).toEqual(hops.map(() => [["EHLO mx.kontor.example", "QUIT"]]));
    // A reload asks nobody that is known, and forgets nothing; a new hop is asked at once.
    relay.reload(relay.config);
    expect(await offers(relay)).toEqual(["DSN", "SMTPUTF8"]);
    const third = await hopOf({ keywords: usual });
    relay.reload(routeTo([first ?? 0, third.port]));
    await third.until(() => third.commands.flat().includes("QUIT"), 5000);
    expect(await offers(relay)).toEqual([]);
    expect(hops.map(({ connections }) => connections)).toEqual([1, 1]);
  });

  it("is not offered what one hop lacks", async () => {
    const hops = [await hopOf(everything), await hopOf({ keywords: [...usual, "DSN"] })];
    expect(await offers(await relayTo(hops.map(({ port }) => port)))).toEqual(["DSN"]);
  });

  it("finds a hop down: mail in UTF-8 is put off until the hop has said what it takes", async () => {
    const hop = await hopOf({ keywords: usual });
    await hop.listen(false);
    const began = performance.now();
    const relay = await relayTo([hop.port]);
    expect(performance.now() - began).toBeLessThan(patience);
    expect(await offers(relay)).toEqual(["SMTPUTF8"]);
    expect(await sendUtf8(relay)).toEqual(["250 2.1.0", "451 4.4.1"]);
    await hop.listen(true);
    // It is tried again after a moment.
    await expect.poll(() => sendUtf8(relay), { timeout: 15_000, interval: 200 }).toEqual(["250 2.1.0", "451 4.6.7"]);
    expect(await offers(relay)).toEqual([]);
    expect(await sendUtf8(relay)).toEqual(["555 5.5.4", "503 5.5.1"]);
    expect(hop.violations).toEqual([]);
  });

  it("does not wait for a hop that says nothing, and is offered SMTPUTF8 unless another hop lacks it", async () => {
    const dumb = await hopOf({ answers: { greeting: { hang: true } } });
    const began = performance.now();
    const relay = await relayTo([dumb.port]);
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(patience - 50);
    expect(took).toBeLessThan(patience + 2500);
    expect(await offers(relay)).toEqual(["SMTPUTF8"]);
    const plain = await hopOf({ keywords: usual });
    expect(await offers(await relayTo([dumb.port, plain.port]))).toEqual([]);
  });

  it("waits for nobody where a hop can never be known", async () => {
    const dumb = await hopOf({ answers: { greeting: { hang: true } } });
    const text = `${routeTo([dumb.port])}[[route]]\ndomain = "other.example"\nnext_hop = "maildir:{folder}/mail"\n`;
    const relay = await relayTo([], text);
    expect(dumb.connections).toBe(0);
    expect(await offers(relay)).toEqual([]);
  });
});
