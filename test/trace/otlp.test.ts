/** Traces to a collector by OTLP: a real relay, a real collector, and one that is slow, full, or not there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createLog } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { OtlpTracer } from "../../src/otlp/tracer.ts";
import type { Span } from "../../src/report/span.ts";
import { addressKey } from "../../src/trace/keyed-event.ts";
import { freePort } from "../fakes/free-port.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startCollector } from "../fakes/otlp.ts";
import type { CollectedSpan, Collector } from "../fakes/otlp.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const secret = "5a".repeat(32);

describe("traces by OTLP", () => {
  let collector: Collector;
  let hop: NextHop;
  beforeEach(async () => {
    collector = await startCollector();
    hop = await startNextHop();
  });
  afterEach(async () => {
    expect(collector.complaints).toEqual([]);
    await collector.close();
    await hop.close();
  });

  const start = (trace: string, more = "") =>
    startTestRelay({
      config: `[trace]\n${trace}\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n${more}`,
      snapshot: ["anna@kontor.example"],
      files: {
        secret,
        "control/smtpplugins": "[rcpt]\n{folder}/pause\n",
        pause: { text: "#!/bin/sh\nsleep 0.05\n", mode: 0o755 },
      },
    });

  const talk = async (port: number): Promise<string | undefined> => {
    const client = await SmtpClient.open(port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@sender.example>");
    await client.command("RCPT TO:<nobody@kontor.example>");
    await client.command("RCPT TO:<anna@kontor.example>");
    await client.command("DATA");
    const answer = await client.command("Subject: hello\r\n\r\nhello\r\n.");
    await client.command("QUIT");
    client.close();
    return answer;
  };

  it("show a session, its message, and within that recipients, checks that are waited for, and next hops", async () => {
    const relay = await start(
      `otlp = "${collector.url}/"`,
      '[checks]\nrun = ["spp", "goodmailto"]\n[spp]\nhome = "{folder}"\n',
    );
    expect(await talk(relay.port)).toMatch(/^250/);
    await relay.stop();
    const named = (name: string): CollectedSpan[] => collector.spans.filter((span) => span.name === name);
    const [session, message] = [...named("session"), ...named("message")];
    expect(named("session")).toHaveLength(1);
    expect(named("message")).toHaveLength(1);
    expect(session?.parentSpanId).toBeUndefined();
    expect(message?.parentSpanId).toBe(session?.spanId);
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([session?.traceId]));
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(collector.spans.length);
    const parts = collector.spans.filter((span) => span !== session && span !== message);
    expect(parts.map(({ name }) => name).toSorted()).toEqual([
      "RCPT",
      "RCPT",
      "check spp",
      "check spp",
      "hop DATA",
      "hop RCPT",
      "hop final dot",
    ]);
    // The plugin sleeps for 50 ms.
    expect(named("check spp").filter(({ start: from, end }) => end - from < 50_000_000n)).toEqual([]);
    expect(new Set(parts.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([message?.spanId]));
    for (const { start: from, end } of parts) {
      expect(from >= (message?.start ?? 0n) - 1_000_000n && end <= (session?.end ?? 0n) && from <= end).toBe(true);
    }
    expect(session?.facts).toMatchObject({ "client.address": "127.0.0.1", "goodmailto.helo": "client.example" });
    expect(message?.facts).toMatchObject({
      "goodmailto.sender": "someone@sender.example",
      "goodmailto.conclusion": "delivered",
    });
    expect(named("RCPT").map(({ facts }) => [facts["goodmailto.recipient"], facts["goodmailto.code"]])).toEqual([
      ["nobody@kontor.example", "550"],
      ["anna@kontor.example", "250"],
    ]);
  });

  it("hold addresses as the journal does", async () => {
    const relay = await start(
      `otlp = "${collector.url}"\naddresses = "keyed"`,
      '[snapshot]\npath = "snapshot.sqlite"\nkey_file = "{folder}/secret"\n',
    );
    await talk(relay.port);
    await relay.stop();
    const recipients = collector.spans.flatMap(({ facts }) => facts["goodmailto.recipient"] ?? []);
    expect(recipients).toContain(addressKey(secret)("anna@kontor.example"));
    expect(JSON.stringify(collector.spans.map(({ facts }) => facts))).not.toMatch(/anna|nobody@|someone/);
  });

  it("are of a share of the sessions, and then of all of a session or nothing", async () => {
    const none = await start(`otlp = "${collector.url}"\notlp_sessions = "0%"`);
    await talk(none.port);
    await none.stop();
    expect(collector.requests()).toBe(0);
    const half = await start(`otlp = "${collector.url}"\notlp_sessions = "50%"`);
    await Promise.all(Array.from({ length: 24 }, () => talk(half.port)));
    await half.stop();
    const bySession = Map.groupBy(collector.spans, ({ traceId }) => traceId);
    // One of 2^24 runs has none, and as many have all.
    expect(bySession.size).toBeGreaterThan(0);
    expect(bySession.size).toBeLessThan(24);
    expect(new Set([...bySession.values()].map((spans) => spans.length))).toEqual(new Set([7]));
  });

  it.each([
    ["is not there", async () => `http://127.0.0.1:${await freePort()}`, /ECONNREFUSED/],
    ["answers 503", async () => ((collector.answer = { status: 503, body: "" }), collector.url), /answered 503/],
    [
      "rejects one",
      async () => (
        (collector.answer = { status: 200, body: '{"partialSuccess":{"rejectedSpans":"1"}}' }),
        collector.url
      ),
      /rejected/,
    ],
    ["says nothing", async () => ((collector.answer = "silent"), collector.url), /not sent in time/],
  ])("cost no mail where the collector %s, and what is lost is counted and told", async (_state, urlOf, why) => {
    const relay = await start(`otlp = "${await urlOf()}"`);
    expect(await talk(relay.port)).toMatch(/^250/);
    await relay.stop();
    expect(relay.metrics.totals()["spans_lost"]).toBeGreaterThan(0);
    expect(relay.log.filter((line) => line.includes("trace: spans not sent"))).toEqual([expect.stringMatching(why)]);
  });

  it("wait in a queue that is bounded, while one request is under way", async () => {
    const metrics = createMetrics();
    const lines: string[] = [];
    const log = createLog({ format: "plain", level: "info", write: (line) => lines.push(line) });
    collector.answer = "silent";
    const tracer = new OtlpTracer({ url: collector.url, share: 1, keyed: (text) => text, version: "0" }, log, metrics);
    const span: Span = {
      kind: "session",
      name: "session",
      session: "s",
      ref: "s",
      ms: 1,
      facts: { helo: "\ud800".repeat(9999) },
    };
    for (let i = 0; i < 6000; i++) {
      tracer.note({ ...span, session: `s${i}`, ref: `s${i}` });
    }
    // 512 are under way, and 4096 wait.
    expect(metrics.totals()["spans_lost"]).toBe(6000 - 512 - 4096);
    expect(lines).toHaveLength(1);
    await collector.close();
    await tracer.close();
    expect(metrics.totals()["spans_lost"]).toBe(6000);
  });

  it("are loaded by nobody who has not asked for them", () => {
    const root = join(import.meta.dirname, "../..");
    const text = readFileSync(join(root, "src/compose/tracing.ts"), "utf8");
    expect(text).toContain('await import("../otlp/tracer.ts")');
    expect(text).not.toMatch(/from "\.\.\/otlp/);
  });
});
