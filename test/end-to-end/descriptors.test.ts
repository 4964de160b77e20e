/**
 * A relay that many connections bring to the end of its file descriptors: it keeps serving, loses nothing and says so.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { sendOne } from "./load.ts";
import { answerTo, configOf, node, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

let scene: Scene;
let hop: NextHop;
beforeEach(async () => {
  scene = new Scene();
  hop = await startNextHop();
  await publish("anna@kontor.example");
});
afterEach(async () => {
  await scene.close();
  await hop.close();
});

async function publish(...addresses: string[]): Promise<void> {
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), addresses);
}

/** A relay that may open so many files and no more. */
async function serve(files: number): Promise<{ program: Program; port: number; metrics: number }> {
  const metrics = await freePort();
  const smtp = "max_connections_per_client = 1000";
  const plan = { hop: hop.port, smtp, more: `[metrics]\nlisten = "127.0.0.1:${metrics}"` };
  const config = scene.write("goodmailto.toml", configOf(plan));
  const words = [node, main, "serve", "--config", config];
  const program = scene.run("sh", ["-c", `ulimit -n ${files}; exec "$0" "$@"`, ...words]);
  const [, port] = await program.until(/relay: ready listen=\S*?:(\d+)/);
  return { program, port: Number(port), metrics };
}

async function greeted(port: number): Promise<SmtpClient> {
  const client = await SmtpClient.open(port);
  expect(await client.reply()).toMatch(/^220 /);
  expect(await client.command("EHLO client.example")).toMatch(/^250/);
  return client;
}

/** A client within DATA. */
async function sending(port: number): Promise<SmtpClient> {
  const client = await greeted(port);
  await client.command("MAIL FROM:<someone@sender.example>");
  expect(await client.command("RCPT TO:<anna@kontor.example>")).toMatch(/^250 /);
  expect(await client.command("DATA")).toMatch(/^354 /);
  return client;
}

interface Knocking {
  readonly socket: Socket;
  said: string;
  closed: boolean;
}

/** Clients that connect and stay for as long as they may; each was greeted, told something else or cut off by now. */
async function crowd(port: number, count: number): Promise<Knocking[]> {
  const all = Array.from({ length: count }, () => {
    const knocking: Knocking = { socket: connect(port, "127.0.0.1"), said: "", closed: false };
    knocking.socket.on("error", () => undefined).on("close", () => (knocking.closed = true));
    knocking.socket.on("data", (chunk: Buffer) => (knocking.said += chunk.toString("latin1")));
    return knocking;
  });
  await until(
    () => all.filter(({ said, closed }) => said === "" && !closed).length,
    (left) => left === 0,
  );
  return all;
}

const told = (all: readonly Knocking[], code: string): number => all.filter(({ said }) => said.startsWith(code)).length;

/** CPU time that a process has used, in hundredths of a second, by proc(5). */
function ticks({ pid }: Program): number {
  const words = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(words[11]) + Number(words[12]);
}

/** The share of a core that it needs while nothing happens. */
async function load(program: Program): Promise<number> {
  const [before, began] = [ticks(program), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return (ticks(program) - before) / ((performance.now() - began) / 10);
}

async function leave(all: readonly Knocking[]): Promise<void> {
  const open = all.filter(({ closed }) => !closed);
  const gone = open.map(({ socket }) => once(socket, "close"));
  open.forEach(({ socket }) => socket.destroy());
  await Promise.all(gone);
}

describe("goodmailto serve with few file descriptors", () => {
  it("takes as many sessions as it can serve to the end, tells the others, and counts them", async () => {
    const { program, port, metrics } = await serve(200);
    expect(program.output).toMatch(/too few file descriptors for max_connections.* sessions=60 why="200 allowed/);
    const [inFlight, kept] = [await sending(port), await greeted(port)];
    const all = await crowd(port, 300);
    expect(told(all, "220")).toBe(58);
    expect(told(all, "421 4.7.0 Too many connections")).toBeGreaterThan(0);
    // All that have a session still get a message through, and the metrics page answers.
    expect(await inFlight.command("Subject: in flight\r\n\r\nx\r\n.")).toMatch(/^250 /);
    expect(await sendOne(kept, "kept")).toMatch(/^250 /);
    expect(hop.received).toHaveLength(2);
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    expect(page).toMatch(/goodmailto_limits_total\{limit="connections"\} \d+/);
    expect(program.output).toMatch(/smtp: limit limit=connections /);
    // A new list is served, too.
    await publish("anna@kontor.example", "bert@kontor.example");
    await kept.command("MAIL FROM:<someone@sender.example>");
    await until(
      () => kept.command("RCPT TO:<bert@kontor.example>"),
      (answer) => answer === "250 2.1.5 Recipient OK",
      5000,
    );
    await leave(all);
    await until(
      () => answerTo(port, "nobody@kontor.example").catch(String),
      (answer) => answer === "550 5.1.1 No such user here",
    );
    inFlight.close();
    kept.close();
    expect((await program.stop()).code).toBe(0);
  });

  it("neither dies nor spins where they have run out altogether, answers nobody falsely, and recovers", async () => {
    // Some 25 are in use before the first client. Ten sessions are let in whatever the limit; not each has a next hop.
    const { program, port } = await serve(40);
    const [inFlight, kept] = [await sending(port), await greeted(port)];
    const holding = [];
    for (let count = 0; count < 8; count++) {
      holding.push(await greeted(port));
    }
    let answer: string | undefined;
    for (const client of holding) {
      await client.command("MAIL FROM:<someone@sender.example>");
      answer = await client.command("RCPT TO:<anna@kontor.example>");
    }
    // Without a descriptor for the next hop nothing is known of it: later.
    expect(answer).toBe("451 4.4.1 Next hop is not available, try again later");
    expect(program.output).toMatch(/next-hop: cannot connect, local resources exhausted .*EMFILE/);
    // It is not the hop that is to be left alone for a while.
    expect(program.output).not.toContain("next-hop: unusable");
    const all = await crowd(port, 100);
    expect(told(all, "220")).toBe(0);
    await kept.command("MAIL FROM:<someone@sender.example>");
    expect(await kept.command("RCPT TO:<anna@kontor.example>")).toMatch(/^451 4\.4\.1 /);
    expect(await kept.command("RCPT TO:<nobody@kontor.example>")).toBe("550 5.1.1 No such user here");
    expect(await load(program)).toBeLessThan(0.3);
    expect(await inFlight.command("Subject: in flight\r\n\r\nx\r\n.")).toMatch(/^250 /);
    expect(await sendOne(inFlight, "another")).toMatch(/^250 /);
    await leave(all);
    holding.forEach((client) => client.close());
    const late = await until(
      () => greeted(port).catch(() => undefined),
      (client) => client !== undefined,
    );
    if (late !== undefined) {
      await until(
        async () => (await late.command("RSET"), sendOne(late, "late")),
        (last) => last.startsWith("250 "),
      );
    }
    expect(hop.received.filter(({ answer }) => answer.startsWith("250 "))).toHaveLength(3);
    late?.close();
    inFlight.close();
    kept.close();
    expect((await program.stop()).code).toBe(0);
  });
});
