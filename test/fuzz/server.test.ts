/**
 * Bytes into the running relay: grammar, mutated grammar and noise, in random pieces, ended in random ways, while
 * the next hop fails at random too. `npm run fuzz` does it for long; the seed is printed when something is found.
 */
import { readdirSync } from "node:fs";
import { connect } from "node:net";

import { expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { Answer } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { hello, send } from "../relay/scene.ts";
import { createRandom, seed } from "./random.ts";

const sessions = Number(process.env["FUZZ_SESSIONS"] ?? 300);

const lines = [
  "EHLO client.example",
  "HELO x",
  "MAIL FROM:<s@sender.example>",
  "MAIL FROM:<> SIZE=10 BODY=8BITMIME",
  "RCPT TO:<a@kontor.example>",
  "RCPT TO:<b@kontor.example>",
  "RCPT TO:<x@foreign.example>",
  "RCPT TO:<%!:@kontor.example>",
  "DATA",
  "DATA",
  ".",
  "..",
  "",
  "RSET",
  "NOOP",
  "VRFY x",
  "HELP",
  "QUIT",
  "STARTTLS",
  "AUTH PLAIN",
  "AUTH LOGIN AAAA",
  "*",
  "BDAT 10",
  "BDAT 0 LAST",
  "BDAT 40\r\nSubject: x\r\n\r\n.\r\nRSET\r\nMAIL FROM:<>\r\n",
  "BDAT 7 LAST\r\n.\r\n.\r\n\n",
  "BDAT 18446744073709551616",
  "GET / HTTP/1.0",
  "\0",
  "\xff\xfe",
  "a\nb\n.\n",
  "a\r.\r",
  "x".repeat(2000),
  "\x16\x03\x01\x02\x00",
  'MAIL FROM:<"',
  'RCPT TO:<"a@b"@kontor.example> X=1',
];
const opening = ["EHLO client.example", "MAIL FROM:<s@sender.example>", "RCPT TO:<a@kontor.example>", "DATA"];
const body = "Subject: x\r\n\r\nbody\r\n.";
const chunks = ["BDAT 14\r\nSubject: x\r\n\r\nBDAT 4\r\nbody", "BDAT 6 LAST\r\nbody\r"];
/** As usual in two of three answers: there are four to a message, and some must get through. */
const failures: readonly (Answer | undefined)[] = [
  ...Array.from({ length: 22 }, () => undefined),
  "451 4.3.0 Later",
  "550 5.1.1 No",
  "421 4.3.2 Bye",
  "354 go",
  "999 what",
  "250 ok",
  { drop: "fin" },
  { drop: "rst" },
  { bytes: "\xff\xff\r\n" },
  { bytes: "250 one\r\n250 two\r\n" },
  { later: 3, reply: "250 ok" },
];

function makeInput(random: () => number): Buffer {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const script = [
    ...(random() < 0.7 ? opening.slice(0, random() < 0.7 ? 4 : 3) : []),
    ...(random() < 0.4 ? [body] : []),
    ...(random() < 0.2 ? chunks : []),
    ...Array.from({ length: Math.floor(random() * 12) }, () => pick(lines)),
  ];
  const ends = random() < 0.8 ? ["\r\n"] : ["\r\n", "\n", "\r", "", "\r\n\0"];
  const bytes = Buffer.from(script.map((line) => line + pick(ends)).join(""), "latin1");
  for (let mutations = random() < 0.5 ? 0 : Math.floor(random() * 6); mutations > 0 && bytes.length > 0; mutations--) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return bytes;
}

/** One session; the reply lines that came. */
function converse(port: number, random: () => number): Promise<string[]> {
  const input = makeInput(random);
  const ending = random();
  return new Promise((resolve) => {
    let text = "";
    let at = 0;
    const socket = connect({ port, host: "127.0.0.1" });
    const timer = setTimeout(() => socket.destroy(), 5000);
    const feed = (): void => {
      if (socket.destroyed) {
        return;
      }
      if (at >= input.length) {
        if (ending < 0.4) {
          socket.end();
        } else if (ending < 0.6) {
          socket.resetAndDestroy();
        } else {
          socket.end("\r\n.\r\nQUIT\r\n");
        }
        return;
      }
      const next = at + 1 + Math.floor(random() * (random() < 0.3 ? 4 : 400));
      socket.write(input.subarray(at, next));
      at = next;
      setImmediate(feed);
    };
    // Most wait for the greeting, as one should.
    if (random() < 0.9) {
      socket.once("data", feed);
    } else {
      socket.once("connect", feed);
    }
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    const finish = (): void => {
      clearTimeout(timer);
      resolve(text.split("\r\n").slice(0, -1));
    };
    // A reset while the FIN is under way fails with an error and no close.
    socket.on("close", finish).on("error", finish);
  });
}

it(`the running relay survives ${sessions} sessions of noise, and is honest in each`, async () => {
  const random = createRandom(seed);
  let failing = true;
  const fail = (): Answer | undefined => (failing ? failures[Math.floor(random() * failures.length)] : undefined);
  const hop = await startNextHop({
    answers: { mail: fail, rcpt: fail, data: fail, dot: fail, rset: fail },
  });
  const relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "8s"\ndata_timeout = "8s"\n
[smtp]\nlisten = ["127.0.0.1:0"]\ngreeting_delay = "0ms"\nidle_timeout = "2s"\nmax_message_size = "100KB"\nchunking = true\n[log]\nlevel = "warning"`,
    snapshot: ["a@kontor.example", "b@kontor.example"],
  });
  try {
    (await hello(relay)).close();
    const before = { memory: 0, descriptors: readdirSync("/proc/self/fd").length };
    let delivered = 0;
    for (let done = 0; done < sessions; done += 10) {
      const all = await Promise.all(Array.from({ length: 10 }, () => converse(relay.port, random)));
      for (const replies of all) {
        for (const line of replies) {
          expect(line, `seed ${seed}`).toMatch(/^[2-5]\d\d[ -][\x20-\x7e]{0,508}$/);
        }
        delivered += replies.filter((line) => line === "250 2.0.0 Accepted" || line === "250 ok").length;
      }
      relay.log.length = 0;
      // What has been warmed up by then is not what a leak looks like.
      if (before.memory === 0 && done >= sessions / 4) {
        before.memory = process.memoryUsage().rss;
      }
    }
    const taken = hop.received.filter(({ answer }) => /^250(?: |$)/.test(answer)).length;
    // A client that was gone did not hear all that was taken for it; it never heard more.
    expect(delivered, `seed ${seed}`).toBeLessThanOrEqual(taken);
    expect(delivered, `seed ${seed}`).toBeGreaterThan(3);
    expect(relay.metrics.totals()["session_faults"] ?? 0, `seed ${seed}: ${relay.log.join("\n")}`).toBe(0);
    expect(process.memoryUsage().rss - before.memory, `seed ${seed}`).toBeLessThan(120_000_000);
    expect(
      hop.violations.filter((text) => !text.includes("not doubled")),
      `seed ${seed}`,
    ).toEqual([]);
    failing = false;
    hop.reset();
    const client = await hello(relay);
    // A hop that failed a moment ago may rest for five seconds.
    await expect
      .poll(async () => (await send(client)).at(-1), { timeout: 15_000, interval: 500 })
      .toBe("250 2.0.0 Accepted");
    client.close();
    hop.reset();
    await expect
      .poll(() => readdirSync("/proc/self/fd").length, { timeout: 10_000 })
      .toBeLessThanOrEqual(before.descriptors);
  } finally {
    await relay.stop();
    await hop.close();
  }
});
