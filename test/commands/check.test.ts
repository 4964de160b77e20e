/** `goodmailto check`: every argument gets its answer, and a relay that has something else loaded is reported. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { compareRunning, describeComparison } from "../../src/compose/running-relay.ts";
import { loadSettings } from "../../src/compose/settings.ts";
import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { found, listSource, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

// Each look costs a process.
describe("goodmailto check", { timeout: 120_000 }, () => {
  let folder: string;
  let config: string;
  const running: ChildProcess[] = [];

  beforeEach(async () => {
    folder = temporaryFolder();
    config = join(folder, "c.toml");
    mkdirSync(join(folder, "run"));
    write("");
    await publishSnapshot(join(folder, "snapshot.sqlite"), ["vera@kontor.example"]);
  });
  afterEach(async () => {
    for (const child of running.splice(0)) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  function write(more: string): void {
    writeFileSync(
      config,
      `[smtp]\nlisten = ["127.0.0.1:0"]\nstatus_folder = "run"\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n${more}`,
    );
  }

  function check(words: readonly string[], input = ""): { status: number | null; out: string; err: string } {
    const all = [main, "check", "-c", config, ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8", input, timeout: 100_000 });
    return { status, out: stdout, err: stderr };
  }

  it("says which other check refuses, and where an alias leads", () => {
    write('[checks]\nrun = ["aliases", "goodmailto"]\n[checks.aliases]\nfile = "aliases"\n');
    writeFileSync(
      join(folder, "aliases"),
      "both@kontor.example: a@kontor.example, b@kontor.example\nout@kontor.example: a@far.example\n",
    );
    const { out } = check(["both@kontor.example", "out@kontor.example", "vera@kontor.example", "--json"]);
    const { results } = JSON.parse(out) as { results: { reply: string; why: string }[] };
    expect(results.map(({ reply, why }) => `${reply.slice(0, 9)}: ${why}`)).toEqual([
      "250 2.1.5: leads to <a@kontor.example> <b@kontor.example>",
      "550 5.7.1: goodmailto: refused (relaying denied), leads to <a@far.example>",
      "550 5.1.1: aliases: not found",
    ]);
  });

  it("asks each instance of a check that answers for an address, and the lists of senders and recipients", () => {
    write(`[checks]
run = ["badrcptto:a", "badrcptto:b", "badmailfrom:a", "badmailfrom:b", "aliases:x", "loop", "goodmailto"]
[[checks.badrcptto]]
name = "a"
file = "bad-a"
[[checks.badrcptto]]
name = "b"
file = "bad-b"
reply = "Not by mail"
[[checks.aliases]]
name = "x"
file = "aliases"
[[checks.badmailfrom]]
name = "a"
file = "badmailfrom"
[[checks.badmailfrom]]
name = "b"
file = "worse"
at = "mail"
`);
    writeFileSync(join(folder, "bad-a"), "box@kontor.example\n");
    writeFileSync(join(folder, "bad-b"), "fax@kontor.example\n");
    writeFileSync(join(folder, "badmailfrom"), "@spam.example\n");
    writeFileSync(join(folder, "worse"), "@worse.example\n");
    writeFileSync(
      join(folder, "aliases"),
      "both@kontor.example: a@kontor.example\nvera@kontor.example: vera@kontor.example\n",
    );
    const ask = (...words: string[]): string[] => {
      const { results } = JSON.parse(check([...words, "--json"]).out) as { results: { reply: string; why: string }[] };
      return results.map(({ reply, why }) => `${reply}: ${why}`);
    };
    expect(ask("box@kontor.example", "fax@kontor.example", "both@kontor.example")).toEqual([
      "550 5.1.1 mail to box@kontor.example not accepted here: badrcptto:a: refused (bad recipient)",
      "550 5.1.1 Not by mail: badrcptto:b: refused (bad recipient)",
      "250 2.1.5 Recipient OK: leads to <a@kontor.example>",
    ]);
    expect(ask("vera@kontor.example", "--from", "x@spam.example")[0]).toMatch(
      /^553 .*: badmailfrom:a: refused \(bad sender\)$/,
    );
    expect(ask("vera@kontor.example", "--from", "x@worse.example")[0]).toMatch(
      /: badmailfrom:b: refused \(bad sender\) at MAIL$/,
    );
  });

  it("judges every argument, odd ones too, with the reply that RCPT would get", () => {
    const { status, out } = check(["two words", "vera@kontor.example", "jürgen@kontor.example", "a@b@c", "--json"]);
    const { results } = JSON.parse(out) as {
      results: { address: string; verdict: string; reply: string; why: string }[];
    };
    expect(results.map(({ why }) => why).filter((why) => /address/.test(why))).toEqual([
      "this is not an address",
      "this is not an address",
    ]);
    expect(results.map(({ address, verdict, reply }) => `${address}: ${verdict} ${reply.slice(0, 9)}`)).toEqual([
      "two words: refused 501 5.1.3",
      "vera@kontor.example: accepted 250 2.1.5",
      "jürgen@kontor.example: refused 550 5.1.1",
      "a@b@c: refused 501 5.1.3",
    ]);
    expect(status).toBe(1);
  });

  it("takes addresses from a file and from standard input, one per line", () => {
    const input = "# of the log\r\nvera@kontor.example\r\n\r\n <nobody@kontor.example> \r\n";
    expect(check(["--file", "-"], input).out).toMatch(
      /^vera@kontor\.example: accepted\n[^]*\n<nobody@kontor\.example>: refused\n/,
    );
    writeFileSync(join(folder, "list"), input);
    expect(
      check(["vera@kontor.example", "--file", join(folder, "list"), "--json"]).out.match(/"verdict"/g),
    ).toHaveLength(3);
    expect(check(["--file", join(folder, "none")])).toMatchObject({
      status: 2,
      err: `goodmailto: cannot read ${join(folder, "none")}\n`,
    });
    expect(check([]).status).toBe(2);
  });

  it("prints what a directory escapes as the letters that it is", async () => {
    const entry = "cn=J\\C3\\BCrgen Wei\\C3\\9F\\, Dr.\\0A\\C2\\9B\\FF,dc=kontor";
    await publish(join(folder, "snapshot.sqlite"), [
      listSource("bücher", [found("vera@kontor.example", "account", entry)]),
    ]);
    expect(check(["vera@kontor.example"]).out).toContain(
      'of source "bücher", entry "cn=Jürgen Weiß\\, Dr.\\0A\\C2\\9B\\FF,dc=kontor"',
    );
  });

  it("says when the running relay has another configuration or list loaded", async () => {
    const relay = spawn(process.execPath, [main, "serve", "-c", config], { stdio: ["ignore", "pipe", "pipe"] });
    running.push(relay);
    let log = "";
    relay.stdout.on("data", (chunk) => (log += String(chunk)));
    relay.stderr.on("data", (chunk) => (log += String(chunk)));
    const hears = async (text: string | RegExp): Promise<void> => {
      await expect.poll(() => log, { timeout: 60_000 }).toMatch(text);
    };
    // As the verb does it, without a process for each look.
    const line = (): string | undefined => {
      const settings = loadSettings(config);
      if (settings === undefined) {
        throw new TypeError("no settings");
      }
      const reader = openSnapshot(settings.snapshot.path, silentLog);
      const [first] = compareRunning(config, settings, reader).map(describeComparison);
      reader.close();
      return first;
    };
    await hears("relay: ready");
    const same = `relay: process ${relay.pid} has this configuration and list loaded`;
    expect(check(["vera@kontor.example"]).out).toContain(`\n${same}\n`);

    write('[recipients]\nreply = "Nobody here"\n');
    expect(line()).toMatch(/^relay: process \d+ has another configuration or program loaded, of 20\S+Z: it answers/);
    relay.kill("SIGHUP");
    await hears("relay: reloaded");
    await expect.poll(line, { timeout: 20_000 }).toBe(same);

    const path = join(folder, "snapshot.sqlite");
    rmSync(path);
    await expect
      .poll(line, { timeout: 20_000 })
      .toBe(`relay: process ${relay.pid} serves no list, and accepts every recipient of the relay domains`);
    await publishSnapshot(path, ["vera@kontor.example", "new@kontor.example"]);
    await expect.poll(line, { timeout: 20_000 }).toBe(same);
    // The relay keeps its good list if a bad file appears; a reader that starts now finds none.
    writeFileSync(path, "nonsense");
    expect(line()).toMatch(/ serves another list, made at 20\S+Z$/);

    relay.kill("SIGTERM");
    await once(relay, "exit");
    running.length = 0;
    expect(line()).toBeUndefined();
  });
});
