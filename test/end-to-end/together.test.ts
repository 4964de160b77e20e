/** Two relay processes of one machine that count together, as two workers do, in a state file; and two real workers. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createAuthority } from "../fakes/certificates.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { beginTls, plain } from "../smtp/tls-fixture.ts";
import { answerTo, configOf, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";

let scene: Scene;
let hop: NextHop;
let number = 0;
const tooManyUnknown = "421 4.7.0 Too many unknown recipients";

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
}

async function start(more: string, smtp = "", workers = 1): Promise<Site> {
  const port = await freePort();
  const state = `[state]\nstore = "${workers > 1 ? "auto" : "sqlite"}"\nfolder = "${scene.folder}/state"\n`;
  const text = configOf({ hop: hop.port, port, smtp: `workers = ${workers}\n${smtp}`, more: state + more });
  const program = scene.start("serve", "--config", scene.write(`relay${number++}.toml`, text));
  await program.until(workers > 1 ? /relay: workers ready/ : /relay: ready/);
  return { program, port };
}

/** Relays that have told each other of their connections. */
async function startTwo(more: string, smtp = ""): Promise<readonly [Site, Site]> {
  const sites = await Promise.all([start(more, smtp), start(more, smtp)]);
  await until(relaysInState, (count) => count === 2);
  return sites;
}

function relaysInState(): number {
  const path = join(scene.folder, "state/state.sqlite");
  if (!existsSync(path)) {
    return 0;
  }
  const database = new Database(path);
  try {
    return database.prepare<[], number>("SELECT count(*) FROM rows WHERE name LIKE 'connections %'").pluck().get() ?? 0;
  } finally {
    database.close();
  }
}

async function greetingAt(port: number): Promise<{ client: SmtpClient; line: string | undefined }> {
  const client = await SmtpClient.open(port);
  return { client, line: await client.reply() };
}

/** The greeting of one more connection, which is closed again. */
async function oneMore(port: number): Promise<string> {
  const { client, line } = await greetingAt(port);
  client.close();
  return line ?? "";
}

describe("two relay processes", () => {
  it("count a client's connections together, until one of them is killed", async () => {
    const [one, two] = await startTwo("", "max_connections_per_client = 4");
    const clients = await Promise.all([one, one, one, two].map(({ port }) => greetingAt(port)));
    expect(clients.map(({ line }) => line?.slice(0, 3))).toEqual(["220", "220", "220", "220"]);
    const full = (line: string): boolean => line.startsWith("421 4.7.0 Too many connections");
    await until(() => oneMore(two.port), full);
    await until(() => oneMore(one.port), full);
    one.program.child.kill("SIGKILL");
    await until(
      () => oneMore(two.port),
      (line) => line.startsWith("220 "),
    );
    clients.forEach(({ client }) => client.close());
  });

  it("count all connections together", async () => {
    const [one, two] = await startTwo("", "max_connections = 3");
    const clients = await Promise.all([one, one, one].map(({ port }) => greetingAt(port)));
    await until(
      () => oneMore(two.port),
      (line) => line.startsWith("421 4.7.0 Too many connections"),
    );
    clients.forEach(({ client }) => client.close());
    await until(
      () => oneMore(two.port),
      (line) => line.startsWith("220 "),
    );
  });

  it("count a client's unknown recipients together", async () => {
    const limits = "[limits]\nharvest_client_limit = 6\nharvest_hangup_after = 0\nharvest_delay_after = 0\n";
    const [one, two] = await startTwo(limits);
    for (let i = 0; i < 3; i++) {
      expect(await answerTo(one.port, `nobody${i}@kontor.example`)).toMatch(/^550 5\.1\.1 /);
      expect(await answerTo(two.port, `nobody${i}@kontor.example`)).toMatch(/^550 5\.1\.1 /);
    }
    // Whichever counted the sixth blocks; the other one learns of it with its next unknown recipient. Neither has six of its own.
    for (const { port } of [one, two]) {
      await answerTo(port, "nobody@kontor.example").catch(String);
      await until(
        () => oneMore(port),
        (line) => line.startsWith("421 4.7.0 Too many unknown"),
      );
    }
  });

  it("know of a block at once, also one that no count has led to: at the next session, and at the next unknown recipient", async () => {
    const limits = "[limits]\nharvest_client_limit = 0\nharvest_hangup_after = 2\nharvest_delay_after = 0\n";
    const [one, two] = await startTwo(limits);
    const begin = async ({ port }: Site): Promise<SmtpClient> => {
      const { client } = await greetingAt(port);
      await client.command("EHLO client.example");
      await client.command("MAIL FROM:<>");
      return client;
    };
    const ask = (client: SmtpClient, user: string) => client.command(`RCPT TO:<${user}@kontor.example>`);
    const [guessing, running] = [await begin(one), await begin(two)];
    expect(await ask(running, "anna")).toMatch(/^250 /);
    expect(await ask(guessing, "nobody1")).toMatch(/^550 5\.1\.1 /);
    expect(await ask(guessing, "nobody2")).toBe(tooManyUnknown);
    expect(await oneMore(two.port)).toBe(tooManyUnknown);
    expect(await ask(running, "anna")).toMatch(/^250 /);
    expect(await ask(running, "nobody1")).toBe(tooManyUnknown);
    expect(
      await two.program.until(/limit=harvest by="another process" blocked=127\.0\.0\.1 seconds=600/),
    ).toBeDefined();
  });

  it("count a client's wrong passwords together", async () => {
    const authority = await createAuthority(scene.folder);
    const { certificate, key } = await authority.issue("mx", "DNS:mx.kontor.example");
    const passwords = scene.write("passwords", "");
    const more = `[tls]\ncert = "${certificate}"\nkey = "${key}"\n[auth]\npasswords = "${passwords}"\nmax_failures = 4\nfailure_delay = "10ms"\n[[listener]]\nname = "submission"\nlisten = ["127.0.0.1:PORT"]\nauth = true\n`;
    const ports = [await freePort(), await freePort()] as const;
    await Promise.all(ports.map((port) => start(more.replace("PORT", String(port)))));
    await until(relaysInState, (count) => count === 2);
    const [one, two] = ports;
    const guess = async (port: number): Promise<string> => {
      const { client } = await beginTls(port);
      const answer = await client.command(`AUTH PLAIN ${plain("alice", "wrong")}`);
      client.close();
      return answer?.slice(0, 3) ?? "";
    };
    expect([await guess(one), await guess(two), await guess(one), await guess(two)]).toEqual(Array(4).fill("535"));
    expect([await guess(one), await guess(two)]).toEqual(["454", "454"]);
  });

  it("count how often a client connects together", async () => {
    const [one, two] = await startTwo('[limits]\nconnection_rate = "10/1h"\n');
    const lines: string[] = [];
    for (let i = 0; i < 6; i++) {
      lines.push(await oneMore(one.port), await oneMore(two.port));
    }
    expect(lines.map((line) => line.slice(0, 3))).toEqual([...Array(10).fill("220"), "421", "421"]);
    expect(lines[10]).toMatch(/^421 4\.7\.0 Too many connections, try later/);
  });

  it("know a client that the other one deferred, and defer nobody while their file is another program's", async () => {
    const checks = '[checks]\nrun = ["goodmailto", "greylisting"]\n[checks.greylisting]\nblack = "0s"\n';
    const [one, two] = await startTwo(checks);
    const mailAt = async ({ port }: Site, from: string): Promise<string> => {
      const { client } = await greetingAt(port);
      await client.command("EHLO client.example");
      const answer = await client.command(`MAIL FROM:<${from}>`);
      client.close();
      return answer ?? "";
    };
    expect(await mailAt(one, "a@sender.example")).toBe("450 4.7.1 This mail is temporarily denied");
    expect(await mailAt(two, "b@sender.example")).toBe("250 2.1.0 Sender OK");
    const path = join(scene.folder, "state/state.sqlite");
    ["-shm", "-wal", ""].forEach((part) => rmSync(`${path}${part}`, { force: true }));
    const foreign = new Database(path);
    foreign.exec("CREATE TABLE theirs (x)");
    foreign.close();
    await one.program.until(/state: store is unavailable, continuing without it .*another program's/);
    expect(await mailAt(one, "c@sender.example")).toBe("250 2.1.0 Sender OK");
  });
});

describe("two workers", () => {
  it("refuse a client that one of them has blocked, from its next connection on", async () => {
    const limits = "[limits]\nharvest_client_limit = 0\nharvest_hangup_after = 2\nharvest_delay_after = 0\n";
    const { port, program } = await start(limits, "", 2);
    await until(relaysInState, (count) => count === 2);
    const { client } = await greetingAt(port);
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<>");
    await client.command("RCPT TO:<nobody1@kontor.example>");
    expect(await client.command("RCPT TO:<nobody2@kontor.example>")).toBe(tooManyUnknown);
    // So many that both workers have some, whichever the kernel gives them to.
    for (let i = 0; i < 16; i++) {
      expect(await oneMore(port), program.output).toBe(tooManyUnknown);
    }
  });

  it("count a client's connections together", async () => {
    const { port } = await start("", "max_connections_per_client = 6", 2);
    const held: SmtpClient[] = [];
    // More than one worker allows by itself cannot be held for long, whichever worker the kernel gives them to.
    await until(
      async () => {
        const { client, line } = await greetingAt(port);
        if (line?.startsWith("220 ") === true && held.length < 6) {
          held.push(client);
        } else {
          client.close();
        }
        return held.length === 6 ? (line ?? "") : "";
      },
      (line) => line.startsWith("421 4.7.0 Too many connections"),
    );
    // Both workers know by then.
    await until(
      () => Promise.all(Array.from({ length: 12 }, () => oneMore(port))),
      (lines) => lines.every((line) => line.startsWith("421 ")),
    );
    held.forEach((client) => client.close());
  });
});
