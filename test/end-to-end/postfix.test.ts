/** Beside a real Postfix: as the server that sends to us, and as the one that we hand mail to; and with Postfix's own tools. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix, PostfixOptions } from "../fakes/postfix.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { configOf, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";

const programs = ["postfix", "smtp-source", "smtp-sink", "swaks"];
const anna = "anna@kontor.example";
const bert = "bert@kontor.example";
const nobody = "nobody@kontor.example";

describe.skipIf(programs.some((program) => missing(program)) || !isRoot())("goodmailto beside Postfix", () => {
  let scene: Scene;
  let dumps: string;
  let postfix: Postfix | undefined;
  let hop: number;

  beforeEach(async () => {
    scene = new Scene();
    // smtp-sink writes as another user.
    dumps = mkdtempSync(join(tmpdir(), "goodmailto-sink-"));
    chmodSync(dumps, 0o777);
    hop = await freePort();
  });

  afterEach(async () => {
    await postfix?.stop();
    postfix = undefined;
    await scene.close();
    rmSync(dumps, { recursive: true, force: true });
  });

  /** The relay in front of a port. */
  async function relay(to: number): Promise<number> {
    const config = scene.write("goodmailto.toml", configOf({ hop: to }));
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), [anna, bert]);
    return (await scene.serve(config)).port;
  }

  /** Postfix's sink, one file a message; done once it listens. */
  async function sink(port: number): Promise<Program> {
    const program = scene.run("/usr/sbin/smtp-sink", [
      ...["-u", "postfix", "-d", join(dumps, "%M."), `127.0.0.1:${port}`, "100"],
    ]);
    await until(
      () => swaksTo(port, "--quit-after", "EHLO"),
      ({ code }) => code === 0,
    );
    return program;
  }

  const swaksTo = (port: number, ...words: string[]): Promise<{ code: number; stdout: string }> =>
    scene.run("swaks", ["--server", `127.0.0.1:${port}`, "--helo", "client.example", ...words]).ended();

  const source = (port: number, messages: number, ...words: string[]): Promise<{ code: number; stderr: string }> =>
    scene
      .run("/usr/sbin/smtp-source", [
        ...["-m", String(messages), "-s", "5", "-f", anna, "-t", bert, ...words],
        `127.0.0.1:${port}`,
      ])
      .ended();

  async function send(options: PostfixOptions): Promise<Postfix> {
    postfix = await startPostfix(options);
    return postfix;
  }

  const inFront = (port: number): Promise<Postfix> =>
    send({ main: { relayhost: `[127.0.0.1]:${port}`, default_transport: "smtp", smtp_tls_security_level: "none" } });

  const messages = (): string[] => readdirSync(dumps).map((name) => readFileSync(join(dumps, name), "latin1"));

  it("takes all that a Postfix in front has queued", async () => {
    await sink(hop);
    const front = await inFront(await relay(hop));
    expect(await source(front.port, 40)).toMatchObject({ code: 0, stderr: "" });
    await until(
      () => messages().length,
      (count) => count === 40,
    );
    await until(
      () => front.queue(),
      (queue) => queue.length === 0,
    );
    expect(messages()).toHaveLength(40);
    expect(front.log().match(/status=sent \(250 2\.0\.0/g)).toHaveLength(40);
    expect(front.log()).not.toMatch(/status=(?:bounced|deferred)/);
    // One trace field of ours in each, above that of Postfix.
    for (const message of messages()) {
      expect(message).toMatch(
        /Received: from postfix\.example [^]*?\(goodmailto\) with ESMTP id [^]*?\(Postfix\) with/,
      );
    }
  });

  it("makes a Postfix in front bounce the one recipient that it refuses, and no other", async () => {
    await sink(hop);
    const front = await inFront(await relay(hop));
    const sent = await swaksTo(front.port, "--from", bert, "--to", `${anna},${nobody}`);
    expect(sent.code).toBe(0);
    await until(
      () => front.queue().then((queue) => [queue.length, messages().length]),
      ([queued, arrived]) => queued === 0 && arrived === 2,
    );
    expect(front.log()).toMatch(new RegExp(`to=<${nobody}>.*status=bounced.*550 5\\.1\\.1 No such user here`));
    expect(front.log()).toMatch(new RegExp(`to=<${anna}>.*status=sent`));
    expect(front.log().match(/status=bounced/g)).toHaveLength(1);
    // The bounce itself, from the null sender, came through us as well.
    expect(messages().some((message) => message.includes(`Final-Recipient: rfc822; ${nobody}`))).toBe(true);
  });

  it("leaves everything in the queue in front while the next hop is down, and passes it on afterwards", async () => {
    const front = await inFront(await relay(hop));
    expect(await source(front.port, 8)).toMatchObject({ code: 0 });
    await until(
      () => front.log().match(/status=deferred/g)?.length ?? 0,
      (count) => count >= 8,
    );
    expect(await front.queue()).toHaveLength(8);
    expect(front.log()).toMatch(/451 4\.4\.1 Next hop is not available/);
    expect(front.log()).not.toMatch(/status=(?:bounced|sent)/);
    await sink(hop);
    await until(
      async () => {
        await front.flush();
        return front.queue();
      },
      (queue) => queue.length === 0,
    );
    expect(messages()).toHaveLength(8);
    expect(front.log()).not.toContain("status=bounced");
  });

  it("leaves in the queue of a Postfix behind exactly what it answered 250", async () => {
    const behind = await send({ main: { smtpd_client_restrictions: "check_client_access static:HOLD" } });
    const port = await relay(behind.port);
    expect(await source(port, 60, "-c", "-l", "5000")).toMatchObject({ code: 0, stderr: "" });
    expect(await source(port, 20, "-d", "-l", "70000")).toMatchObject({ code: 0 });
    const queue = await behind.queue();
    expect(queue).toHaveLength(80);
    expect(queue.every(({ queue_name }) => queue_name === "hold")).toBe(true);
    expect(new Set(queue.flatMap(({ recipients }) => recipients.map(({ address }) => address)))).toEqual(
      new Set([bert]),
    );
  });

  it("speaks with swaks, pipelined or not, and refuses whom nobody knows", async () => {
    await sink(hop);
    const port = await relay(hop);
    const good = await swaksTo(port, "--from", anna, "--to", bert, "--pipeline");
    expect([good.code, good.stdout]).toEqual([0, expect.stringMatching(/<\*?[-~] +250 2\.0\.0/)]);
    const refused = await swaksTo(port, "--from", anna, "--to", nobody);
    expect([refused.code, refused.stdout]).toEqual([24, expect.stringContaining("550 5.1.1 No such user here")]);
    const both = await swaksTo(port, "--from", anna, "--to", `${nobody},${bert}`);
    expect(both.code).toBe(0);
    expect(messages()).toHaveLength(2);
  });
});
