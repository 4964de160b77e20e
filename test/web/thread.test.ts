/** The thread of the status page: it may die or hang, and browsers may be slow; both end, and mail does not notice. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Worker } from "node:worker_threads";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createLog } from "../../src/log/log.ts";
import { WebHost } from "../../src/web/host.ts";
import { until } from "../end-to-end/scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";

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

  it("gives up on browsers that say nothing, take nothing, or both in drops, and serves others", async () => {
    const answerTime = 3000;
    await start(answerTime, 10_000);
    const open = (): Socket => {
      const socket = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
      sockets.push(socket);
      return socket;
    };
    // More than systems buffer.
    const many = "GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5000);
    const [silent, deaf, thirsty, stuttering] = [open(), open(), open(), open()] as const;
    await Promise.all([silent, deaf, thirsty, stuttering].map((socket) => once(socket, "connect")));
    const began = performance.now();
    deaf.pause();
    deaf.write(many);
    // Takes a little, and again a little: never idle.
    thirsty.on("readable", () => undefined).write(many);
    const sips = setInterval(() => thirsty.read(512), 20);
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
      thirsty.removeAllListeners("readable");
      for (const socket of [silent, deaf, thirsty, stuttering]) {
        if (!socket.closed) {
          await once(socket.resume(), "close", { signal: AbortSignal.timeout(10_000) });
        }
      }
      expect(deaf.bytesRead).toBeLessThan(5000 * 2000);
    } finally {
      clearInterval(sips);
      clearInterval(drops);
    }
  });
});
