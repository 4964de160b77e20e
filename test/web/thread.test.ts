/** The thread of the status page: it may die or hang, and browsers may be slow; both end, and mail does not notice. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import type { Worker } from "node:worker_threads";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createLog } from "../../src/log/log.ts";
import { WebHost } from "../../src/web/host.ts";
import { until } from "../end-to-end/scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";

/**
 * Asks for twenty large pages, takes 200 KB a second, and says how many bytes it could take. Node sets no sizes of
 * sockets, and with the usual ones systems buffer so much that such a browser looks idle at the other end.
 */
const sipping = `
import socket, sys, time
one = socket.socket()
one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
one.connect(("127.0.0.1", int(sys.argv[1])))
one.sendall(b"GET /difference?older=1 HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n" * 20)
piece, taken = b"x", 0
try:
    while piece and taken < 1_500_000:
        piece = one.recv(4000)
        taken += len(piece)
        time.sleep(0.02)
except ConnectionResetError:
    pass
print(taken)
`;

const options = { sampleEvery: 10_000, refresh: 15, answerTime: 60_000 };

describe("the thread of the status page", { timeout: 120_000 }, () => {
  let [folder, config, port] = ["", "", 0];
  let [lines, threads, hosts, sockets]: [string[], Worker[], WebHost[], Socket[]] = [[], [], [], []];
  const note = (thread: Worker): void => void threads.push(thread);
  beforeEach(async () => {
    [lines, threads, hosts, sockets] = [[], [], [], []];
    folder = mkdtempSync(join(tmpdir(), "goodmailto-web-"));
    port = await freePort();
    config = join(folder, "goodmailto.toml");
    await publishSnapshot(join(folder, "snapshot.sqlite"), ["vera@kontor.example"]);
    writeFileSync(
      config,
      `[smtp]\nstatus_folder = "${folder}"\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:1"\n[web]\nlisten = "127.0.0.1:${port}"\nmax_connections = 4\n`,
    );
    process.on("worker", note);
  });
  afterEach(async () => {
    process.off("worker", note);
    sockets.forEach((socket) => socket.destroy());
    await Promise.all(hosts.map((host) => host.close()));
    rmSync(folder, { recursive: true });
  });

  async function start(answerTime: number, aliveEvery: number): Promise<WebHost> {
    const log = createLog({ format: "plain", level: "info", write: (line) => lines.push(line) });
    const counted = async () => ({ connections: 7 });
    const host = new WebHost({ config, ...options, answerTime }, counted, log, { aliveEvery, wait: 100 });
    hosts.push(host);
    await host.start();
    return host;
  }

  /** What the overview says of connections; "": there is no page. */
  async function seen(): Promise<string> {
    const text = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(3000),
    }).then(
      (answer) => answer.text(),
      () => "",
    );
    return /<dt>Connections<\/dt>\s*<dd class="figure">([^<]*)</.exec(text)?.[1] ?? "";
  }

  it("comes back when it dies, at a port that was taken meanwhile too", async () => {
    const host = await start(60_000, 10_000);
    expect(await seen()).toBe("7");
    await threads[0]?.terminate();
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    await until(
      () => lines.join("\n"),
      (text) => text.includes("web: cannot start"),
    );
    await new Promise((resolve) => other.close(resolve));
    await until(seen, (connections) => connections === "7");
    expect(threads.length).toBeGreaterThan(2);
    expect(lines.filter((line) => line.includes("web: ready"))).toHaveLength(2);
    await host.close();
    expect(await seen()).toBe("");
  });

  it("is ended when it hangs, and another one serves", async () => {
    await start(60_000, 300);
    expect(await seen()).toBe("7");
    await hang();
    expect(await seen()).toBe("");
    await until(seen, (connections) => connections === "7");
    expect(lines.join("\n")).toContain("web: its thread does not answer, ending it");
    expect(threads).toHaveLength(2);
  });

  /** A true loop without an end in the thread: a debugger puts it there. */
  async function hang(): Promise<void> {
    const session = new Session();
    session.connect();
    const attached = new Promise<string>((resolve) => {
      session.on("NodeWorker.attachedToWorker", ({ params }) => resolve(params.sessionId));
    });
    await session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
    const message = JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: "for (;;);" } });
    await session.post("NodeWorker.sendMessageToWorker", { sessionId: await attached, message });
    session.disconnect();
  }

  it("gives up on browsers that say nothing, take nothing, or say it in drops, and serves others", async () => {
    const answerTime = 3000;
    await start(answerTime, 10_000);
    const open = (): Socket => {
      const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
      sockets.push(socket);
      return socket;
    };
    // More than systems buffer.
    const many = "GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5000);
    const [silent, mute, deaf, stuttering] = [open(), open(), open(), open()] as const;
    await Promise.all([silent, mute, deaf, stuttering].map((socket) => once(socket, "connect")));
    const began = performance.now();
    deaf.pause();
    deaf.write(many);
    stuttering.write("GET /login HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    const drops = setInterval(() => stuttering.write("x"), 200);
    // All connections that there may be are theirs.
    expect(await seen()).toBe("");
    try {
      await until(seen, (connections) => connections === "7");
      const took = performance.now() - began;
      expect(took).toBeGreaterThan(answerTime * 0.9);
      expect(took).toBeLessThan(answerTime * 10);
      // Each of them was ended, not only one.
      await delay(answerTime);
      for (const socket of [silent, mute, deaf, stuttering]) {
        if (!socket.closed) {
          await once(socket.resume(), "close", { signal: AbortSignal.timeout(10_000) });
        }
      }
      expect(deaf.bytesRead).toBeLessThan(5000 * 2000);
    } finally {
      clearInterval(drops);
    }
  });

  it.skipIf(missing("python3"))("gives up on a browser that takes its answer in drops, and is never idle", async () => {
    const people = Array.from({ length: 500 }, (_, i) => `${"x".repeat(60)}${i}@kontor.example`);
    await publishSnapshot(join(folder, "snapshot.sqlite"), people, [], 1);
    await start(1500, 10_000);
    const page = await fetch(`http://127.0.0.1:${port}/difference?older=1`, { signal: AbortSignal.timeout(20_000) });
    expect((await page.text()).length).toBeGreaterThan(100_000);
    const child = spawn("python3", ["-c", sipping, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const taken = Number(await text(child.stdout));
      // 300 KB in the time of the limit, and as much is in buffers when it is over.
      expect(taken).toBeLessThan(1_000_000);
    } finally {
      child.kill();
    }
  });
});
