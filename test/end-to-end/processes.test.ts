/** The relay as a process: signals, workers, ports, exit codes. With one process and with two. */
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { sendMany } from "./load.ts";
import { answerTo, configOf, node, Scene, until } from "./scene.ts";
import type { Plan, Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

let scene: Scene;
let hop: NextHop;
beforeEach(async () => {
  scene = new Scene();
  hop = await startNextHop();
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna@kontor.example"]);
});
afterEach(async () => {
  await scene.close();
  await hop.close();
});

interface Site {
  readonly program: Program;
  readonly port: number;
  readonly metrics: number;
  readonly config: string;
  /** Rewrites the configuration, with another text for unknown recipients. */
  change(reply: string): void;
}

/** A relay with so many processes, ready. */
async function site(workers: number): Promise<Site> {
  const [port, metrics] = [await freePort(), await freePort()];
  const write = (reply: string): string => {
    const state = `[state]\nfolder = "${scene.folder}"`;
    const more = `[metrics]\nlisten = "127.0.0.1:${metrics}"\n\n${state}\n\n[recipients]\nreply = "${reply}"`;
    return scene.write("goodmailto.toml", configOf({ hop: hop.port, port, smtp: `workers = ${workers}`, more }));
  };
  const config = write("No such user here");
  const program = scene.start("serve", "--config", config);
  await program.until(workers > 1 ? /relay: workers ready/ : /relay: ready/);
  return { program, port, metrics, config, change: write };
}

async function page(port: number, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5000) });
  return { status: response.status, text: await response.text() };
}

const acceptedAtHop = (): number => hop.received.filter(({ answer }) => answer.startsWith("250")).length;

describe.each([1, 2])("goodmailto serve with %i worker(s)", (workers) => {
  it("lives through SIGHUPs that come before it is ready, and has the new settings then", async () => {
    const port = await freePort();
    const write = (reply: string): string => {
      // The check score does nothing here, which is told before the relay begins to start.
      const more = `[recipients]\nreply = "${reply}"\n[checks.badmailfrom]\npoints = 3\nmode = "score"`;
      return scene.write("goodmailto.toml", configOf({ hop: hop.port, port, smtp: `workers = ${workers}`, more }));
    };
    const program = scene.start("serve", "--config", write("Old words"));
    await program.until(/config: warning/);
    write("New words");
    const ready = program.until(workers > 1 ? /relay: workers ready/ : /relay: ready/);
    const ticker = setInterval(() => program.child.kill("SIGHUP"), 50);
    await ready.finally(() => clearInterval(ticker));
    await until(
      () => answerTo(port, "nobody@kontor.example"),
      (answer) => answer === "550 5.1.1 New words",
    );
    expect(program.output).not.toContain("worker ended");
  });

  it("keeps the old settings at a SIGHUP with a bad file, and says so", async () => {
    const { program, port, config, change } = await site(workers);
    scene.write("goodmailto.toml", `${readFileSync(config, "utf8")}\n[smtp]\nlisen = 1\n`);
    program.child.kill("SIGHUP");
    await program.until(/reload failed, keeping the previous settings/);
    expect(program.output).toMatch(/goodmailto\.toml:\d+:\d+: /);
    expect(await answerTo(port, "nobody@kontor.example")).toBe("550 5.1.1 No such user here");
    change("Nobody of that name");
    program.child.kill("SIGHUP");
    await until(
      () => answerTo(port, "nobody@kontor.example"),
      (answer) => answer === "550 5.1.1 Nobody of that name",
    );
    expect((await program.stop()).code).toBe(0);
  });

  it("logs the configuration's warnings at start and at SIGHUP, once for all workers", async () => {
    const { program, config, change } = await site(workers);
    const warnings = (): number => program.output.split("config: warning ").length - 1;
    expect(warnings()).toBe(0);
    scene.write("tcp.smtp", "no colon\n");
    scene.write("goodmailto.toml", `${readFileSync(config, "utf8")}\n[clients]\nrules = "tcp.smtp"\n`);
    program.child.kill("SIGHUP");
    await program.until(/config: warning at=\S+tcp\.smtp:1:1 why="a line without a colon is ignored"/);
    change("Nobody of that name");
    program.child.kill("SIGHUP");
    await program.until(new RegExp(`(relay: reloaded[^]*){${2 * workers}}`));
    expect((await program.stop()).code).toBe(0);
    expect(warnings()).toBe(1);
    scene.write("goodmailto.toml", readFileSync(config, "utf8").replace(/relay = \[.*\]\naliases.*/, "relay = []"));
    const again = scene.start("serve", "--config", config);
    await again.until(/config: warning at=\S+goodmailto\.toml:\d+:1 key=domains\.relay why="is empty: /);
    await again.until(workers > 1 ? /relay: workers ready/ : /relay: ready/);
    expect((await again.stop()).code).toBe(0);
    expect(again.output.split("config: warning ")).toHaveLength(2);
  });

  it("names the settings that need a restart at SIGHUP, and only those", async () => {
    const { program, config, change } = await site(workers);
    change("Nobody of that name");
    program.child.kill("SIGHUP");
    await program.until(new RegExp(`(relay: reloaded[^]*){${workers}}`));
    scene.write(
      "goodmailto.toml",
      `${readFileSync(config, "utf8").replace(/workers = \d/, "workers = 3")}\n[log]\nlevel = "debug"\n`,
    );
    program.child.kill("SIGHUP");
    await program.until(/relay: changed settings need a restart settings="\[smtp\] workers; \[log\] level"/);
    await program.until(new RegExp(`(relay: reloaded[^]*){${2 * workers}}`));
    expect((await program.stop()).code).toBe(0);
    expect(program.output.split("need a restart")).toHaveLength(2);
  });

  it("loses nothing at SIGHUPs under load", async () => {
    const { program, port } = await site(workers);
    const hangUp = setInterval(() => program.child.kill("SIGHUP"), 30);
    const tally = await sendMany(port, 8, ({ accepted }) => accepted >= 400);
    clearInterval(hangUp);
    expect(tally.others).toEqual([]);
    expect(tally.accepted).toBeGreaterThanOrEqual(400);
    expect(acceptedAtHop()).toBe(tally.accepted);
    expect(program.output.match(/relay: reloaded/g)?.length).toBeGreaterThan(2);
  });

  it("lets a message in flight finish at SIGTERM and exits 0", async () => {
    const { program, port } = await site(workers);
    const client = await SmtpClient.open(port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@sender.example>");
    await client.command("RCPT TO:<anna@kontor.example>");
    expect(await client.command("DATA")).toMatch(/^354 /);
    client.write("Subject: in flight\r\n\r\nfirst half\r\n");
    program.child.kill("SIGTERM");
    await program.until(/relay: stopping/);
    // A second one, as a person at the keyboard or a service manager may send, changes nothing.
    program.child.kill("SIGTERM");
    // Nobody is let in any more.
    await until(
      () =>
        SmtpClient.open(port).then(
          (late) => (late.close(), "open"),
          () => "refused",
        ),
      (is) => is === "refused",
    );
    client.write("second half\r\n.\r\n");
    expect(await client.reply()).toMatch(/^250 /);
    expect(await client.reply()).toMatch(/^421 /);
    client.close();
    expect((await program.ended()).code).toBe(0);
    expect(hop.received.at(-1)?.message.toString()).toContain("first half\r\nsecond half\r\n");
  });

  it("has told 250 as often as the next hop at SIGTERM under load", async () => {
    const { program, port } = await site(workers);
    const load = sendMany(port, 8, () => false);
    await hop.until(() => acceptedAtHop() >= 60, 15_000);
    expect((await program.stop()).code).toBe(0);
    const tally = await load;
    expect(tally.accepted).toBeGreaterThanOrEqual(60);
    expect(acceptedAtHop()).toBe(tally.accepted);
    for (const other of tally.others) {
      expect(other).toMatch(/^4\d\d |^\(closed|ECONNREFUSED|ECONNRESET/);
    }
  });

  it("shows counters and gauges on the metrics page", async () => {
    const { port, metrics } = await site(workers);
    const tally = await sendMany(port, 6, ({ accepted }) => accepted >= 20);
    expect(await answerTo(port, "nobody@kontor.example")).toMatch(/^550 /);
    const { status, text } = await page(metrics, "/metrics");
    expect(status).toBe(200);
    expect(text).toContain(`goodmailto_messages_total{code="250"} ${tally.accepted}\n`);
    expect(text).toContain('goodmailto_connections_total{result="accepted"} 7\n');
    expect(text).toContain("goodmailto_snapshot_available 1\n");
    expect(await page(metrics, "/healthz")).toEqual({ status: 200, text: "ok\n" });
    expect(await page(metrics, "/readyz")).toEqual({ status: 200, text: "ok\n" });
  });

  it("is not ready while there is no snapshot, and ready again afterwards", async () => {
    const { metrics } = await site(workers);
    const path = join(scene.folder, "snapshot.sqlite");
    await scene.run("mv", [path, `${path}.away`]).ended();
    const away = await until(
      () => page(metrics, "/readyz"),
      ({ status }) => status === 503,
      5000,
    );
    expect(away.text).toContain("no snapshot");
    await scene.run("mv", [`${path}.away`, path]).ended();
    await until(
      () => page(metrics, "/readyz"),
      ({ status }) => status === 200,
      5000,
    );
  });

  it("exits 69 with a clear line where the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const config = scene.write("taken.toml", configOf({ hop: hop.port, port, smtp: `workers = ${workers}` }));
    const { code, stderr } = await scene.call("serve", "--config", config);
    other.close();
    expect(stderr).toContain("the port is taken by another program");
    expect(code).toBe(69);
  });

  it("exits 69 where another relay serves at the port, and does not share it", async () => {
    const { port } = await site(workers);
    const config = scene.write("second.toml", configOf({ hop: hop.port, port, smtp: `workers = ${workers}` }));
    const { code, stderr } = await scene.call("serve", "--config", config);
    expect(stderr).toContain("the port is taken by another program");
    expect(code).toBe(69);
    expect(await answerTo(port, "nobody@kontor.example")).toContain("550 5.1.1");
  });

  it("exits 69 where the port of the metrics page is taken, and leaves nothing behind", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port: metrics } = other.address() as AddressInfo;
    const port = await freePort();
    const plan: Plan = {
      hop: hop.port,
      port,
      smtp: `workers = ${workers}`,
      more: `[metrics]\nlisten = "127.0.0.1:${metrics}"`,
    };
    const { code, stderr } = await scene.call("serve", "--config", scene.write("taken.toml", configOf(plan)));
    other.close();
    expect(stderr).toContain(`127.0.0.1:${metrics}`);
    expect(code).toBe(69);
    await expect(SmtpClient.open(port)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("goodmailto serve", () => {
  it("exits 78 and names every fault with file, line and column", async () => {
    const config = scene.write("bad.toml", '[smtp]\nmax_recipients = "many"\n\n[snapshot]\npaht = "x"\n');
    const { code, stderr } = await scene.call("serve", "--config", config);
    expect(code).toBe(78);
    expect(stderr).toMatch(/bad\.toml:2:\d+: .*max_recipients/);
    expect(stderr).toMatch(/bad\.toml:5:\d+: .*paht/);
  });

  it("exits 78 where the rules file has a fault, with its line", async () => {
    scene.write("tcp.smtp", ":allow\n10.0.0.:perhaps\n");
    const config = scene.write("goodmailto.toml", configOf({ hop: hop.port, more: '[clients]\nrules = "tcp.smtp"' }));
    const { code, stderr } = await scene.call("serve", "--config", config);
    expect(code).toBe(78);
    expect(stderr).toMatch(/tcp\.smtp:2:\d+: /);
  });
});

describe("workers", () => {
  /** Process ids from the log, oldest first. */
  const pidsOf = ({ output }: Program): number[] =>
    [...output.matchAll(/relay: ready .*pid=(\d+)/g)].map(([, pid]) => Number(pid));

  it("all take connections", async () => {
    const { program, port } = await site(2);
    const clients = await Promise.all(Array.from({ length: 40 }, () => SmtpClient.open(port)));
    await Promise.all(clients.map((client) => client.reply()));
    const counts = pidsOf(program).map((pid) => connectionsOf(pid, port));
    clients.forEach((client) => client.close());
    expect(counts).toHaveLength(2);
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(40);
    expect(Math.min(...counts)).toBeGreaterThan(3);
  });

  it("go on when one is killed, and it comes back", async () => {
    const { program, port, metrics } = await site(2);
    const clients = await Promise.all(Array.from({ length: 20 }, () => SmtpClient.open(port)));
    await Promise.all(clients.map((client) => client.reply()));
    const [victim = 0, other = 0] = pidsOf(program);
    const [lost, kept] = [connectionsOf(victim, port), connectionsOf(other, port)];
    expect(lost + kept).toBe(20);
    process.kill(victim, "SIGKILL");
    await program.until(/worker ended, starting it again .*signal=SIGKILL/);
    expect(await answerTo(port, "nobody@kontor.example")).toMatch(/^550 /);
    const answers = await Promise.all(clients.map((client) => client.command("NOOP")));
    clients.forEach((client) => client.close());
    expect(answers.filter((answer) => answer?.startsWith("250 "))).toHaveLength(kept);
    const pids = await until(
      () => pidsOf(program),
      ({ length }) => length === 3,
    );
    const third = pids[2] ?? 0;
    await until(
      async () => {
        await answerTo(port, "anna@kontor.example");
        const held = await Promise.all(Array.from({ length: 10 }, () => SmtpClient.open(port)));
        await Promise.all(held.map((client) => client.reply()));
        const count = connectionsOf(third, port);
        held.forEach((client) => client.close());
        return count;
      },
      (count) => count > 0,
    );
    // What the dead one had counted is not forgotten, so no counter goes backwards.
    expect((await page(metrics, "/metrics")).status).toBe(200);
    expect((await program.stop()).code).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it("go on when one is killed under load; what was answered 250 was delivered", async () => {
    const { program, port } = await site(2);
    let killed = false;
    let atKill = 0;
    const load = sendMany(port, 12, ({ accepted }) => {
      if (!killed && accepted >= 100) {
        killed = true;
        atKill = accepted;
        process.kill(pidsOf(program)[0] ?? 0, "SIGKILL");
      }
      return accepted >= 400;
    });
    const tally = await load;
    // Some had a session with the dead one, some with the other, and these went on.
    expect(tally.others.length).toBeGreaterThan(0);
    expect(tally.others.length).toBeLessThan(12);
    for (const other of tally.others) {
      expect(other).toMatch(/^\(closed|ECONNRESET/);
    }
    expect(tally.accepted - atKill).toBeGreaterThanOrEqual(300);
    // Between the next hop's 250 and ours a message may come twice, but none is lost. RFC 1047.
    expect(acceptedAtHop() - tally.accepted).toBeGreaterThanOrEqual(0);
    expect(acceptedAtHop() - tally.accepted).toBeLessThanOrEqual(tally.others.length);
    await until(
      () => pidsOf(program),
      ({ length }) => length === 3,
    );
    const again = await sendMany(port, 12, ({ accepted }) => accepted >= 100);
    expect(again.others).toEqual([]);
    expect((await program.stop()).code).toBe(0);
  });

  it("are replaced when they hang", async () => {
    const smtp = "workers = 2";
    const config = scene.write("goodmailto.toml", configOf({ hop: hop.port, port: await freePort(), smtp }));
    const words = [main, "serve", "--config", config];
    const program = scene.run(node, words, { NOTIFY_SOCKET: join(scene.folder, "none"), WATCHDOG_USEC: "1500000" });
    await program.until(/relay: workers ready/);
    const [victim = 0] = pidsOf(program);
    process.kill(victim, "SIGSTOP");
    await program.until(new RegExp(`worker does not answer, killing it pid=${victim}`));
    await until(
      () => pidsOf(program),
      ({ length }) => length === 3,
    );
    expect((await program.stop()).code).toBe(0);
  });

  it("end when their supervisor is killed", async () => {
    const { program } = await site(2);
    const pids = pidsOf(program);
    program.child.kill("SIGKILL");
    await until(
      () => pids.filter(isAlive),
      ({ length }) => length === 0,
    );
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Established connections of a process at a local port, by proc(5). */
function connectionsOf(pid: number, port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const inodes = new Set(
    lines.filter((words) => words[1]?.endsWith(`:${hex}`) && words[3] === "01").map((words) => words[9]),
  );
  const links = readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1])).length;
}
