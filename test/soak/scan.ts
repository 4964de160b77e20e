/**
 * `sh src/node.sh test/soak/scan.ts [messages] [megabytes]`: so many messages at once through a real clamd, 100 of 25 MB
 * by default. Prints what the relay has resident above idle; exits 1 above 150 MB, or where a message is not answered 250.
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

const [messages = 100, megabytes = 25] = process.argv.slice(2).map(Number);
const limit = 150e6;
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
const more = `[checks]\nrun = ["clamav", "goodmailto"]\n[checks.clamav]\nsocket = "${clamd.path}"\ntimeout = "5m"\non_error = "defer"`;
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
    `${messages} messages of ${megabytes} MB at once through clamd: ${accepted} answered 250 ${others}\n` +
      `resident: ${(idle / 1e6).toFixed(1)} MB idle, ${(peak / 1e6).toFixed(1)} MB at most, ${(above / 1e6).toFixed(1)} MB above; ` +
      `${((performance.now() - begun) / 1000).toFixed(1)} s\n`,
  );
  process.exitCode = above > limit || accepted < messages ? 1 : 0;
} finally {
  await relay.stop();
  await end(sink);
  await clamd.close();
  rmSync(folder, { recursive: true, force: true });
}
