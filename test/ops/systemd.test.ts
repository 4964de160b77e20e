/** What systemd hears of the relay, on a real datagram socket; and sockets that systemd opens for it. */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { answerTo, configOf, node, Scene } from "../end-to-end/scene.ts";
import type { Program } from "../end-to-end/scene.ts";
import { missing } from "../fakes/need.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";

/** Nothing listens there, and nothing needs to. */
const hop = 9;

let scene: Scene;
beforeEach(async () => {
  scene = new Scene();
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna@kontor.example"]);
});
afterEach(() => scene.close());

/** Node has no datagram sockets in the file system: Python is the service manager that listens. */
const receiver = `
import array, os, socket, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(sys.argv[1])
print("bound", flush=True)
while True:
    # The descriptor that comes with BARRIER=1 is closed: that is the answer systemd-notify waits for.
    data, descriptors, flags, address = socket.recv_fds(notify, 4096, 16)
    for descriptor in descriptors:
        os.close(descriptor)
    print("got", data.decode().replace("\\n", " "), flush=True)
`;
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

async function listen(): Promise<{ manager: Program; path: string }> {
  const path = join(scene.folder, "notify");
  const manager = scene.run("python3", ["-c", receiver, path]);
  await manager.until(/bound/);
  return { manager, path };
}

/** What came, without the barriers. */
function statesOf({ output }: Program): string[] {
  return [...output.matchAll(/^got (.*)$/gm)]
    .map(([, text = ""]) => text)
    .filter((text) => !text.startsWith("BARRIER"));
}

describe.skipIf(missing("python3") || missing("systemd-notify"))("goodmailto under a service manager", () => {
  it.each([1, 2])("tells that it is ready, alive and stopping, with %i worker(s)", async (workers) => {
    const { manager, path } = await listen();
    const smtp = `workers = ${workers}`;
    const config = scene.write("goodmailto.toml", configOf({ hop, port: await freePort(), smtp }));
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "600000" };
    const relay = scene.run(node, [main, "serve", "--config", config], environment);
    await manager.until(/READY=1/);
    await relay.until(workers === 1 ? /relay: ready/ : /relay: workers ready/);
    await manager.until(/(?:WATCHDOG=1[^]*){3}/);
    relay.child.kill("SIGTERM");
    expect((await relay.ended()).code).toBe(0);
    await manager.until(/STOPPING=1/);
    const states = statesOf(manager);
    expect(states[0]).toMatch(
      new RegExp(`READY=1.*STATUS=.*MAINPID=${relay.pid}|MAINPID=${relay.pid}.*READY=1.*STATUS=`),
    );
    expect(states.filter((state) => state.includes("READY=1"))).toHaveLength(1);
    expect(states.at(-1)).toContain("STOPPING=1");
  });

  it("leaves the watchdog to another process where it is not meant", async () => {
    const { manager, path } = await listen();
    const config = scene.write("goodmailto.toml", configOf({ hop }));
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "30000", WATCHDOG_PID: "1" };
    const relay = scene.run(node, [main, "serve", "--config", config], environment);
    await manager.until(/READY=1/);
    await relay.stop();
    await manager.until(/STOPPING=1/);
    expect(statesOf(manager).join("\n")).not.toContain("WATCHDOG");
  });

  it("serves on where the service manager takes no messages", async () => {
    const { manager, path } = await listen();
    await manager.stop();
    rmSync(path);
    const config = scene.write("goodmailto.toml", configOf({ hop }));
    const relay = scene.run(node, [main, "serve", "--config", config], { NOTIFY_SOCKET: path, WATCHDOG_USEC: "60000" });
    const [, port] = await relay.until(/relay: ready listen=\S*:(\d+)/);
    expect(await answerTo(Number(port), "anna@kontor.example")).toMatch(/^4/);
    expect((await relay.stop()).code).toBe(0);
  });
});

describe.skipIf(missing("systemd-socket-activate"))("goodmailto with sockets that systemd opened", () => {
  /** systemd-socket-activate starts its program at the first connection, which the kernel keeps meanwhile. */
  async function activate(config: string, listens: readonly string[], names: readonly string[]): Promise<Program> {
    const words = [...listens.map((place) => `--listen=${place}`), ...names.map((name) => `--fdname=${name}`)];
    const joined =
      names.length > 1 ? [...listens.map((place) => `--listen=${place}`), `--fdname=${names.join(":")}`] : words;
    const program = scene.run("systemd-socket-activate", [...joined, node, main, "serve", "--config", config]);
    await program.until(/Listening on/i);
    return program;
  }

  it.each([1, 2])("answers the connection that woke it, with %i worker(s)", async (workers) => {
    const port = await freePort();
    const smtp = `listen = ["systemd"]\nworkers = ${workers}`;
    const config = scene.write("goodmailto.toml", configOf({ hop, smtp }));
    const program = await activate(config, [`127.0.0.1:${port}`], ["smtp"]);
    expect(await answerTo(port, "nobody@kontor.example")).toBe("550 5.1.1 No such user here");
    await program.until(/relay: ready listen=systemd:3/);
    const answers = await Promise.all(Array.from({ length: 20 }, () => answerTo(port, "nobody@kontor.example")));
    expect(answers).toEqual(Array.from({ length: 20 }, () => "550 5.1.1 No such user here"));
    expect((await program.stop()).code).toBe(0);
  });

  it("gives each listener the sockets of its name", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const more = `
[tls]
cert = "cert.pem"
key = "key.pem"

[[listener]]
name = "submission"
listen = ["systemd"]
variables = { NOGOODMAILTO = "" }

[[listener]]
name = "smtp"
listen = ["systemd"]
`;
    const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx.kontor.example", "-days", "2"];
    const files = ["-keyout", join(scene.folder, "key.pem"), "-out", join(scene.folder, "cert.pem")];
    expect((await scene.run("openssl", [...words, ...files]).ended()).code).toBe(0);
    const config = scene.write("goodmailto.toml", configOf({ hop, more }));
    const program = await activate(config, [`127.0.0.1:${first}`, `127.0.0.1:${second}`], ["smtp", "submission"]);
    expect(await answerTo(first, "nobody@kontor.example")).toMatch(/^550 5\.1\.1 /);
    // Not asked for, so it goes to the next hop, which is down.
    expect(await answerTo(second, "nobody@kontor.example")).toMatch(/^451 /);
    await program.until(/relay: ready listen="systemd:4 systemd:3"/);
  });

  it("says so where systemd handed over no socket", async () => {
    const config = scene.write("goodmailto.toml", configOf({ hop, smtp: 'listen = ["systemd"]' }));
    const relay = scene.run(node, [main, "serve", "--config", config], { LISTEN_FDS: "", LISTEN_PID: "" });
    const { code, stderr } = await relay.ended();
    expect(stderr).toContain("systemd handed over no socket");
    expect(code).toBe(70);
  });
});
