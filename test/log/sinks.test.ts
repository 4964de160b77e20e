/** Log sinks: files that others rename, and real rsyslog and logrotate. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createLog } from "../../src/log/log.ts";
import type { OpenLog } from "../../src/log/log.ts";
import { SyslogTcp } from "../../src/log/syslog-tcp.ts";
import { node, Scene, until } from "../end-to-end/scene.ts";
import { missing } from "../fakes/need.ts";
import { startRsyslog } from "../fakes/rsyslog.ts";

const plain = { format: "plain", level: "info" } as const;

describe("a log file", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-sink-"));
    path = join(folder, "relay.log");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const read = (name = "relay.log"): string[] => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1);

  it("gets each line once, is for owner and group only, and is opened again at a signal", async () => {
    const log = createLog({ ...plain, sinks: [`file:${path}`] });
    log.warning("test", "first");
    renameSync(path, `${path}.1`);
    log.info("test", "waits in the batch");
    log.reopen();
    log.info("test", "second");
    await log.close();
    expect(read("relay.log.1")).toEqual(["test: first", "test: waits in the batch"]);
    expect(read()).toEqual(["test: second"]);
    expect(statSync(path).mode & 0o777 & ~0o640).toBe(0);
  });

  it("gets recipients' lines as every other sink does: short, long and beyond ASCII, by turns", async () => {
    const log = createLog({
      ...plain,
      sinks: [`file:${path}`, `file:${path}.too`],
      recipient_line: "{user} {address}",
    });
    const line = {
      check: "c",
      host: "h",
      from: "",
      status: "s",
      session: "1",
      ip: "192.0.2.1",
      helo: "",
      listener: "smtp",
    };
    const users = ["anna", "\u00fc", "b".repeat(5000), "b", "", "a".repeat(4000), "a\nb"];
    users.forEach((user) => log.verdict({ ...line, user, address: "x@example.com", code: 250, ms: 1 }));
    await log.close();
    const wanted = users.map((user) => `${user.replace("\u00fc", "\\x{FC}").replace("\n", "?")} x@example.com`);
    expect([read(), read("relay.log.too")]).toEqual([wanted, wanted]);
  });

  it("is opened again without a signal soon after somebody renamed it", async () => {
    const log = createLog({ ...plain, sinks: [`file:${path}`] });
    log.warning("test", "first");
    renameSync(path, `${path}.1`);
    await until(
      () => {
        log.warning("test", "more");
        return existsSync(path);
      },
      (is) => is,
    );
    expect(read().length).toBeGreaterThan(0);
  });

  it("goes on with the old file where the new one cannot be opened", async () => {
    const log = createLog({ ...plain, sinks: [`file:${path}`] });
    log.info("test", "first");
    renameSync(path, `${path}.1`);
    // A folder in its place.
    spawnSync("mkdir", [path]);
    log.reopen();
    log.info("test", "second");
    await log.close();
    expect(read("relay.log.1")).toEqual([
      "test: first",
      `log: cannot open the file anew path="${path}" reason=EISDIR`,
      "test: second",
    ]);
  });

  it("that cannot be opened is reported to the other sinks", async () => {
    const log = createLog({ ...plain, sinks: [`file:${path}`, `file:${folder}/missing/relay.log`] });
    await log.close();
    expect(read()).toEqual([`log: cannot open sink="file:${folder}/missing/relay.log" reason=ENOENT`]);
  });

  it("that cannot be opened is opened at a signal when it can be, with a count of its lines so far", async () => {
    const log = createLog({ ...plain, sinks: [`file:${path}`, `file:${folder}/missing/relay.log`] });
    log.info("test", "first");
    log.reopen();
    log.info("test", "second");
    spawnSync("mkdir", [join(folder, "missing")]);
    log.reopen();
    log.info("test", "third");
    await log.close();
    // The one about the sink itself, and two.
    expect(read("missing/relay.log")).toEqual(['log: lines lost count=3 reason="ENOENT"', "test: third"]);
  });

  it("is renamed at its size, by one of several processes, and no line is lost or split", async () => {
    const lines = 4000;
    const program = `
      import { createLog } from ${JSON.stringify(join(import.meta.dirname, "../../src/log/log.ts"))};
      const log = createLog({ format: "plain", level: "info", sinks: ["file:${path}"], rotate: { size: 30000, keep: 50 } });
      for (let i = 0; i < ${lines}; i++) {
        log.info(process.argv[1], "line", { i });
        if (i % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
      }`;
    const scene = new Scene();
    try {
      const run = (name: string) =>
        scene.run(node, ["--input-type=module-typescript", "-e", program, name]).ended(30_000);
      await Promise.all([run("a"), run("b")]);
      const names = readdirSync(folder);
      expect(names.length).toBeGreaterThan(2);
      expect(names).not.toContain("relay.log.lock");
      const all = names.flatMap((name) => read(name));
      const wanted = ["a", "b"].flatMap((name) => Array.from({ length: lines }, (_, i) => `${name}: line i=${i}`));
      expect(all.toSorted()).toEqual(wanted.toSorted());
    } finally {
      await scene.close();
    }
  }, 40_000);

  it("keeps so many renamed files and no more", () => {
    writeFileSync(path, "x".repeat(100));
    writeFileSync(`${path}.1`, "older");
    writeFileSync(`${path}.2`, "oldest");
    const now = performance.now;
    const log = createLog({ ...plain, sinks: [`file:${path}`], rotate: { size: 100, keep: 2 } });
    performance.now = () => now.call(performance) + 2000;
    try {
      log.warning("test", "line");
    } finally {
      performance.now = now;
    }
    expect(readdirSync(folder).toSorted()).toEqual(["relay.log", "relay.log.1", "relay.log.2"]);
    expect([read(), readFileSync(`${path}.2`, "utf8")]).toEqual([["test: line"], "older"]);
  });
});

describe("a syslog server", () => {
  let scene: Scene;
  beforeEach(() => void (scene = new Scene()));
  afterEach(() => scene.close());

  it.skipIf(missing("rsyslogd")).each(["udp", "tcp"] as const)(
    "gets one message a line by %s, with facility and severity",
    async (transport) => {
      const server = await startRsyslog(scene);
      const log = createLog({ ...plain, level: "debug", sinks: [`syslog:${transport}:127.0.0.1:${server.port}`] });
      log.info("relay", "ready", { listen: "127.0.0.1:25" });
      log.warning("smtp", "limit");
      log.error("sync", "failed");
      log.debug("dns", "asked");
      await log.close();
      const ours = await until(
        () => server.lines().filter((line) => line.includes("goodmailto")),
        (lines) => lines.length >= 4,
      );
      expect(ours.toSorted()).toEqual(
        [
          "mail info goodmailto relay: ready listen=127.0.0.1:25",
          "mail warning goodmailto smtp: limit",
          "mail err goodmailto sync: failed",
          "mail debug goodmailto dns: asked",
        ].toSorted(),
      );
    },
  );

  it.skipIf(missing("rsyslogd"))("gets by TCP what was logged while it was away", async () => {
    const first = await startRsyslog(scene);
    const log = createLog({ ...plain, sinks: [`syslog:tcp:127.0.0.1:${first.port}`] });
    log.info("test", "before");
    await until(first.lines, (lines) => lines.some((line) => line.includes("test: before")));
    await first.program.stop();
    // The first line after a break may go into a connection that is dead already: TCP does not tell.
    await until(
      () => {
        log.info("test", "into the break");
        return connectionsTo(first.port);
      },
      (count) => count === 0,
    );
    log.info("test", "meanwhile");
    const second = await startRsyslog(scene, first.port);
    await until(second.lines, (lines) => lines.some((line) => line.endsWith("goodmailto test: meanwhile")));
    await log.close();
  });

  it("that takes nothing costs a bounded memory, and hears how many lines were lost", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket.pause())).listen(0, "127.0.0.1");
    await once(server, "listening");
    const sink = new SyslogTcp({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, Date.now);
    await until(
      () => sockets.length,
      (count) => count === 1,
    );
    const line = "x".repeat(8000);
    for (let i = 0; i < 3000; i++) {
      sink.write("info", line);
    }
    let received = "";
    sockets[0]
      ?.setEncoding("latin1")
      .on("data", (text: string) => (received += text))
      .resume();
    await until(
      () => received.length,
      (length) => length > 8_000_000,
    );
    await until(
      () => {
        sink.write("info", "more");
        return received;
      },
      (text) => text.includes("log: lines lost"),
    );
    const lost = Number(/lines lost count=(\d+) reason="server too slow"/.exec(received)?.[1]);
    expect(lost).toBeGreaterThan(500);
    expect(received.split(line).length - 1 + lost).toBe(3000);
    await sink.close();
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
});

/** Established connections of this process to a port of loopback. */
function connectionsTo(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/self/net/tcp", "utf8").split("\n");
  return rows.filter((row) => new RegExp(`^ *\\d+: \\S+ 0100007F:${hex} 01 `).test(row)).length;
}

describe("the line of a recipient", () => {
  it("follows the template", () => {
    const lines: string[] = [];
    const log: OpenLog = createLog({
      ...plain,
      recipient_line: "rcpt={address} client={ip} helo={helo} session={session} by {check}: {status}",
      write: (line) => lines.push(line),
    });
    log.verdict({
      check: "goodmailto",
      host: "mail.example",
      from: "",
      user: "nobody",
      address: "nobody@kontor.example",
      status: "not found",
      ip: "192.0.2.1",
      helo: "mx\n250",
      session: "abc",
      listener: "smtp",
      code: 550,
      ms: 0.1,
    });
    expect(lines).toEqual([
      "rcpt=nobody@kontor.example client=192.0.2.1 helo=mx?250 session=abc by goodmailto: not found",
    ]);
  });
});
