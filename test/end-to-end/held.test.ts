/** A relay process that holds messages: 200 at a time, on a full disk, and when it is told to stop in the middle. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { answerTo, project, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";

let scene: Scene;
let hop: NextHop;
let spool: string;
beforeEach(async () => {
  scene = new Scene();
  hop = await startNextHop();
  spool = join(scene.folder, "spool");
  mkdirSync(spool);
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna@kontor.example"]);
});
afterEach(async () => {
  await scene.close();
  await hop.close();
});

interface Site {
  readonly program: Program;
  readonly port: number;
}

async function serve(more = ""): Promise<Site> {
  const port = await freePort();
  const config = scene.write(
    "goodmailto.toml",
    `[smtp]
listen = ["127.0.0.1:${port}"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
shutdown_timeout = "1s"
max_connections_per_client = 500
status_folder = ""
[domains]
relay = ["kontor.example"]
[snapshot]
path = "${scene.folder}/snapshot.sqlite"
[limits]
spool_folder = "${spool}"
${more}
[checks]
load = ["${join(project, "test/message/checks/holder.ts")}"]
run = ["holder", "goodmailto"]
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`,
  );
  const program = scene.start("serve", "--config", config);
  await until(
    () => answerTo(port, "nobody@kontor.example").catch(String),
    (answer) => answer.startsWith("550"),
  );
  return { program, port };
}

/** A client whose message has begun. */
async function begin(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<ann@far.example>");
  await client.command("RCPT TO:<anna@kontor.example>");
  expect(await client.command("DATA")).toMatch(/^354/);
  client.write("Subject: held\r\n\r\n");
  return client;
}

/** Files without a name that a process has open. */
function nameless({ child }: Program): number {
  const descriptors = `/proc/${child.pid}/fd`;
  const targets = readdirSync(descriptors).map((name) => {
    try {
      return readlinkSync(join(descriptors, name));
    } catch {
      return "";
    }
  });
  return targets.filter((target) => target.startsWith(spool) && target.endsWith("(deleted)")).length;
}

function resident({ child }: Program): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) * 1024;
}

const lines = (bytes: number): Buffer => Buffer.alloc(bytes - (bytes % 100), `${"x".repeat(98)}\r\n`);

describe("a relay that holds messages", () => {
  it("holds 200 at once within 1 MiB of memory for each, and delivers them all", async () => {
    const { program, port } = await serve();
    const before = resident(program);
    const clients: SmtpClient[] = [];
    for (let i = 0; i < 200; i++) {
      const client = await begin(port);
      // Half of them stay in memory, half of them do not.
      client.write(lines(i % 2 === 0 ? 900_000 : 1_300_000));
      clients.push(client);
    }
    await until(
      () => nameless(program),
      (count) => count === 100,
      60_000,
    );
    expect(readdirSync(spool)).toEqual([]);
    expect(hop.commands.flat()).not.toContain("DATA");
    // Something for the sockets and their buffers besides.
    expect(resident(program) - before).toBeLessThan(200 * 1_048_576 + 150 * 1_048_576);
    for (const client of clients) {
      client.write(".\r\n");
    }
    const answers = await Promise.all(clients.map((client) => client.reply(60_000)));
    expect(answers.filter((answer) => answer?.startsWith("250") !== true)).toEqual([]);
    expect(hop.received).toHaveLength(200);
    clients.forEach((client) => client.close());
    await until(
      () => nameless(program),
      (count) => count === 0,
    );
  }, 180_000);

  it("lets go of everything at SIGTERM in the middle: the hop sees no DATA, no file stays", async () => {
    const { program, port } = await serve();
    const client = await begin(port);
    client.write(lines(3_000_000));
    await until(
      () => nameless(program),
      (count) => count === 1,
    );
    const { code } = await program.stop();
    expect(code).toBe(0);
    expect(await client.closed()).toBe(true);
    expect(readdirSync(spool)).toEqual([]);
    expect(hop.commands.flat()).not.toContain("DATA");
    expect(hop.received).toEqual([]);
  });

  it("lets go of the file when the client goes in the middle", async () => {
    const { program, port } = await serve();
    const client = await begin(port);
    client.write(lines(3_000_000));
    await until(
      () => nameless(program),
      (count) => count === 1,
    );
    client.destroy();
    await until(
      () => nameless(program),
      (count) => count === 0,
    );
    expect(hop.commands.flat()).not.toContain("DATA");
  });
});

const mounted = (folder: string): boolean =>
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]).status === 0;

describe("a relay whose spool is on a full disk", () => {
  it("answers 452 at the final dot, and takes the next message that fits", async (context) => {
    if (!mounted(spool)) {
      context.skip("needs the right to mount a tmpfs");
    }
    try {
      const { program, port } = await serve();
      const client = await begin(port);
      client.write(Buffer.concat([lines(5_000_000), Buffer.from(".\r\n")]));
      expect(await client.reply()).toBe("452 4.3.1 Insufficient storage, try again later");
      expect(hop.commands.flat()).not.toContain("DATA");
      expect(nameless(program)).toBe(0);
      const next = await begin(port);
      next.write(".\r\n");
      expect(await next.reply()).toMatch(/^250/);
      expect((await program.stop()).stderr).toMatch(/message: cannot be spooled .*ENOSPC/);
    } finally {
      spawnSync("umount", [spool]);
    }
  });
});
