/** tarpit: how long it delays what, by its numbers, on sockets with short times, and beside the harvest defence. */
import { afterEach, describe, expect, it } from "vitest";

import { delayOf, tarpit } from "../../../src/checks/rate/tarpit.ts";
import type { HookName } from "../../../src/hooks/hook-names.ts";
import { Pipeline } from "../../../src/hooks/pipeline.ts";
import { noCounters } from "../../../src/report/counters.ts";
import { silentLog } from "../../../src/report/log.ts";
import { say, answers } from "../../../src/smtp/answers.ts";
import { afterSentence } from "../../../src/smtp/session/outcome.ts";
import { startNextHop } from "../../fakes/next-hop.ts";
import { startTestRelay } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";
import { stepOf } from "../../hooks/steps.ts";
import { atRecipient, makeSession, startCheck } from "../fixture.ts";

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) {
    await part.close();
  }
});

/** A relay that knows vera, and is not slow by itself. */
async function start(settings: string, more = "", files: Readonly<Record<string, string>> = {}) {
  const hop = await startNextHop();
  running.push(hop);
  const config = `[checks]
run = ["tarpit", "badmailfrom", "goodmailto"]
[checks.badmailfrom]
file = "{folder}/badmailfrom"
at = "mail"
[checks.tarpit]
${settings}
${more.includes("[limits]") ? more : `[limits]\nharvest_delay_after = 0\n${more}`}
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`;
  const relay = await startTestRelay({
    config,
    snapshot: ["vera"],
    files: { badmailfrom: "bad@far.test\n", ...files },
  });
  running.push({ close: () => relay.stop() });
  return relay;
}

async function begin(port: number, from = "127.0.0.1"): Promise<SmtpClient> {
  const client = await SmtpClient.open(port, from);
  running.push(client);
  await client.reply();
  await client.command("EHLO client.test");
  await client.command("MAIL FROM:<a@far.test>");
  return client;
}

/** A reply, and the ms that it took. */
async function timed(client: SmtpClient, command: string): Promise<readonly [code: string, ms: number]> {
  const begun = performance.now();
  const answer = await client.command(command);
  // Timers count whole milliseconds.
  return [answer?.slice(0, 3) ?? "", Math.ceil(performance.now() - begun) + 1];
}

const unknown = "RCPT TO:<nobody@kontor.example>";
const known = "RCPT TO:<vera@kontor.example>";

describe("tarpit", () => {
  it("waits 1, 2, 4, 8, 16 and then 20 seconds, unless the settings say else", () => {
    const usual = { after: 1, delay: 1000, factor: 2, max: 20_000 };
    expect([1, 2, 3, 4, 5, 6, 1000].map((nth) => delayOf(nth, usual))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 20_000, 20_000,
    ]);
    expect([1, 2, 3, 4].map((nth) => delayOf(nth, { ...usual, after: 3, factor: 1 }))).toEqual([0, 0, 1000, 1000]);
    expect(delayOf(1, { ...usual, max: 0 })).toBe(0);
  });

  it("delays each refused recipient longer than the one before, up to the maximum, and no accepted one", async () => {
    const { port, log } = await start('delay = "100ms"\nfactor = 3\nmax = "400ms"');
    const client = await begin(port);
    const least = [100, 300, 400, 400];
    for (const ms of least) {
      const [code, took] = await timed(client, unknown);
      expect(code).toBe("550");
      expect(took).toBeGreaterThanOrEqual(ms);
    }
    // Without the maximum the next one would wait 8 seconds.
    const [code, took] = await timed(client, unknown);
    expect(code).toBe("550");
    expect(took).toBeLessThan(5000);
    expect(await client.command(known)).toMatch(/^250 /);
    expect(log.filter((line) => line.startsWith("tarpit: slowed down"))).toHaveLength(1);
  });

  it("counts and delays at MAIL and for unknown commands, but only the events that it is to", async () => {
    const { port } = await start('delay = "200ms"\nfactor = 1');
    const client = await begin(port);
    await client.command("RSET");
    for (const [command, code] of [
      ["MAIL FROM:<bad@far.test>", "553"],
      ["XYZZY", "500"],
    ] as const) {
      const [said, took] = await timed(client, command);
      expect(said).toBe(code);
      expect(took).toBeGreaterThanOrEqual(200);
    }
    const other = await start('delay = "30s"\nmax = "30s"\nevents = ["rcpt"]');
    const quick = await begin(other.port);
    await quick.command("RSET");
    expect(await quick.command("MAIL FROM:<bad@far.test>")).toMatch(/^553 /);
    expect(await quick.command("XYZZY")).toMatch(/^500 /);
  });

  it("delays nobody in mode observe, no relay client and no login", async () => {
    const { port } = await start('delay = "30s"\nmax = "30s"\nmode = "observe"');
    const client = await begin(port);
    expect(await client.command(unknown)).toMatch(/^550 /);
    const rules = '127.0.0.2:allow,RELAYCLIENT=""\n:allow\n';
    const own = await start('delay = "30s"\nmax = "30s"', '[clients]\nrules = "{folder}/rules"', { rules });
    const relayClient = await begin(own.port, "127.0.0.2");
    expect(await relayClient.command("XYZZY")).toMatch(/^500 /);
  });

  it("lets each recipient beyond TARPITCOUNT wait TARPITDELAY seconds, accepted ones too, per message", async () => {
    const rules =
      '127.0.0.2:allow,TARPITCOUNT="2",TARPITDELAY="1"\n127.0.0.3:allow,TARPITCOUNT="1",TARPITDELAY="999"\n:allow\n';
    const { port } = await start('max = "1s"', '[clients]\nrules = "{folder}/rules"', { rules });
    const client = await begin(port, "127.0.0.2");
    expect(await client.command(known)).toMatch(/^250 /);
    expect(await client.command(known)).toMatch(/^250 /);
    expect((await timed(client, known))[1]).toBeGreaterThanOrEqual(1000);
    await client.command("RSET");
    await client.command("MAIL FROM:<a@far.test>");
    expect(await client.command(known)).toMatch(/^250 /);
    const bounded = await begin(port, "127.0.0.3");
    await bounded.command(known);
    const [code, took] = await timed(bounded, known);
    expect(code).toBe("250");
    expect(took).toBeGreaterThanOrEqual(1000);
  });

  it("waits the longer of its own and TARPITDELAY, not both", () => {
    const check = startCheck(tarpit, { delay: "1m", max: "1m" });
    const session = atRecipient(makeSession({ TARPITCOUNT: "1", TARPITDELAY: "60" }));
    // The first recipient is within TARPITCOUNT.
    expect(check.rcpt?.(session)).toEqual({ kind: "pass" });
    atRecipient(session);
    expect(check.rcpt?.(session)).toBeInstanceOf(Promise);
    const denial = { check: "goodmailto", reason: "unknown" };
    expect(check.denied?.(session, { ...denial, hook: "rcpt" })).toBeUndefined();
    expect(check.denied?.(session, { ...denial, hook: "data" })).toBeInstanceOf(Promise);
  });

  it.each<[HookName, boolean]>([
    ["connection", false],
    ["helo", true],
    ["auth", true],
    ["mail", true],
    ["rcpt", true],
    ["data", true],
    ["header", true],
    ["message", true],
  ])("takes a refusal at %s for one of its events: %s", (hook, counts) => {
    const check = startCheck(tarpit, { delay: "1m", max: "1m" });
    const wait = check.denied?.(makeSession(), { check: "other", reason: "no", hook });
    expect(wait instanceof Promise).toBe(counts);
  });

  it("leaves wrong passwords to the delay of [auth]", () => {
    const check = startCheck(tarpit, { delay: "1m", max: "1m" });
    const denial = { check: "goodmailto", reason: "wrong password", hook: "auth" } as const;
    expect(check.denied?.(makeSession(), denial)).toBeUndefined();
  });

  it("begins with the refusal that the settings say, of one session", () => {
    const check = startCheck(tarpit, { after: 3, delay: "1m", max: "1m" });
    const [one, two] = [makeSession(), makeSession()];
    const waits = [one, one, two, one].map((session) => check.unrecognised?.(session, "XYZZY") instanceof Promise);
    expect(waits).toEqual([false, false, false, true]);
  });

  it("leaves logins alone", () => {
    const step = stepOf(tarpit, startCheck(tarpit, { delay: "1m", max: "1m" }), { unless: tarpit.unless ?? [] });
    const pipeline = new Pipeline([step], silentLog, noCounters);
    expect(pipeline.unrecognised(makeSession(), "XYZZY")).toBeInstanceOf(Promise);
    expect(pipeline.unrecognised(makeSession({ SMTPAUTHUSER: "vera" }), "XYZZY")).toBeUndefined();
  });
});

describe("the harvest delay beside a tarpit", () => {
  it("is what is left of it after the other wait", async () => {
    const usual = say(answers.relayingDenied);
    const sentence = { kind: "reply", wait: 1000 } as const;
    expect(afterSentence(sentence, usual, { elapsed: () => 1000 })).toBe(usual);
    expect(afterSentence(sentence, usual, { elapsed: () => 999 })).toBeInstanceOf(Promise);
    expect(afterSentence({ kind: "disconnect" }, usual, { elapsed: () => 5000 })).toEqual({
      ...answers.tooManyUnknown,
      by: { check: "goodmailto", reason: "harvest", told: true, counted: true },
    });
  });

  it("is not added on top of it", async () => {
    const { port } = await start('delay = "1500ms"\nfactor = 1', "[limits]\nharvest_delay_after = 1\n");
    const client = await begin(port);
    const [code, took] = await timed(client, unknown);
    expect(code).toBe("550");
    expect(took).toBeGreaterThanOrEqual(1500);
    expect(took).toBeLessThan(2500);
  });
});
