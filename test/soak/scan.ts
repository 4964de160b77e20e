/**
 * `sh src/node.sh test/soak/scan.ts [stream|hold|filter] [messages] [megabytes]`: so many messages at once through a check,
 * 100 of 25 MB by default. stream: clamd scans while they pass. hold: they are spooled, scanned by clamd and marked. filter:
 * they are spooled, and go through a program that marks them. Prints what the relay has resident above idle; exits 1 above
 * the bound, or where a message is not answered 250.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { end, startOurs } from "../bench/servers.ts";
import { Clamd } from "../fakes/clamd.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { freePort } from "../fakes/free-port.ts";

const [way = "stream", ...numbers] = process.argv.slice(2);
const [messages = 100, megabytes = 25] = numbers.map(Number);
/** What a spooled message may have in memory. */
const spooled = 1_048_576;
/** What 4 programs at once print, and what is made of it. */
const printed = 4 * 2 * megabytes * 1e6;
const ways: Readonly<Record<string, { readonly check: string; readonly settings: string; readonly limit: number }>> = {
  stream: { check: "clamav", settings: 'socket = "{clamd}"', limit: 150e6 },
  hold: { check: "clamav", settings: 'socket = "{clamd}"\naction = "header"', limit: 150e6 + messages * spooled },
  filter: {
    check: "filter",
    settings: 'command = ["/bin/sh", "-c", "echo X-Mark: seen; cat"]\ntake = "message"\nmax_size = "30MB"',
    limit: 150e6 + messages * spooled + printed,
  },
};
const { check, settings, limit } = ways[way] ?? { check: "", settings: "", limit: 0 };
if (check === "") {
  throw new TypeError(`Cannot send messages by way of "${way}"`);
}
const line = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(64));

/** Bytes. */
function residentOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** The reply to the next command, or to what was sent. */
function replyOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const hear = (chunk: Buffer): void => {
      text += chunk.toString();
      if (/^\d{3} .*\r\n$/m.test(text)) {
        socket.off("data", hear);
        resolve(text);
      }
    };
    socket
      .on("data", hear)
      .once("error", reject)
      .once("close", () => reject(new Error("closed")));
  });
}

async function send(port: number, bytes: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  await replyOf(socket);
  for (const command of ["EHLO client.example", "MAIL FROM:<a@far.example>", "RCPT TO:<user@example.com>", "DATA"]) {
    socket.write(`${command}\r\n`);
    const reply = await replyOf(socket);
    if (!/^[23]/.test(reply)) {
      throw new Error(`${command}: ${reply}`);
    }
  }
  socket.write("From: a@far.example\r\nSubject: large\r\n\r\n");
  for (let sent = 0; sent + line.length + 100 < bytes; sent += line.length) {
    if (!socket.write(line)) {
      await new Promise((resolve) => socket.once("drain", resolve));
    }
  }
  const reply = replyOf(socket);
  socket.write(".\r\n");
  const text = await reply;
  socket.destroy();
  return text;
}

const folder = mkdtempSync(join(tmpdir(), "goodmailto-scan-soak-"));
const clamd = await Clamd.start({ config: ["MaxThreads 4", "MaxQueue 300", "MaxConnectionQueueLength 300"] });
const site = { folder, valid: "", snapshot: join(folder, "snapshot.sqlite"), sinkPort: await freePort() };
await publishSnapshot(site.snapshot, ["user@example.com"]);
const sink = spawn("/usr/sbin/smtp-sink", ["-u", "postfix", `127.0.0.1:${site.sinkPort}`, "300"], { stdio: "ignore" });
const own = settings.replace("{clamd}", clamd.path);
const more = `[checks]\nrun = ["${check}", "goodmailto"]\n[checks.${check}]\n${own}\ntimeout = "5m"\non_error = "defer"`;
const relay = await startOurs(site, { name: "scan", more });
try {
  await send(relay.port, 100_000);
  await sleep(2000);
  const idle = residentOf(relay.pid);
  let peak = idle;
  const timer = setInterval(() => (peak = Math.max(peak, residentOf(relay.pid))), 50);
  const begun = performance.now();
  const replies = await Promise.all(Array.from({ length: messages }, () => send(relay.port, megabytes * 1e6)));
  clearInterval(timer);
  const accepted = replies.filter((reply) => reply.startsWith("250")).length;
  const above = peak - idle;
  const others = [...new Set(replies.filter((reply) => !reply.startsWith("250")))].join(" | ");
  process.stdout.write(
    `${messages} messages of ${megabytes} MB at once, ${way}: ${accepted} answered 250 ${others}\n` +
      `resident: ${(idle / 1e6).toFixed(1)} MB idle, ${(peak / 1e6).toFixed(1)} MB at most, ${(above / 1e6).toFixed(1)} MB above (bound ${(limit / 1e6).toFixed(0)}); ` +
      `${((performance.now() - begun) / 1000).toFixed(1)} s\n`,
  );
  process.exitCode = above > limit || accepted < messages ? 1 : 0;
} finally {
  await relay.stop();
  await end(sink);
  await clamd.close();
  rmSync(folder, { recursive: true, force: true });
}
