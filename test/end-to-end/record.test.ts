/** What a person asks a running relay, and its journal: with real processes, two workers and several verbs. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { freePort } from "../fakes/free-port.ts";
import { Scene, configOf, until } from "./scene.ts";
import type { Program } from "./scene.ts";

describe("a relay of two workers", () => {
  const scene = new Scene();
  let hop: NextHop;
  let relay: Program;
  let config = "";
  let port = 0;

  beforeAll(async () => {
    hop = await startNextHop({ answers: { dot: "250 2.0.0 Ok: queued as 4ABC" } });
    port = await freePort();
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera"]);
    mkdirSync(join(scene.folder, "run"));
    config = scene.write(
      "goodmailto.toml",
      configOf({
        hop: hop.port,
        port,
        smtp: `workers = 2\nstatus_folder = "${scene.folder}/run"`,
        more: `[state]\nfolder = "${scene.folder}/state"\n[trace]\nkeep = "30d"\n[limits]\nharvest_hangup_after = 2\n`,
      }),
    );
    relay = scene.start("serve", "--config", config);
    await relay.until(/workers ready/);
  }, 60_000);
  afterAll(async () => {
    await scene.close();
    await hop.close();
  });

  const ask = (...words: string[]) => scene.call(...words, "--config", config);

  it("says why, by address and by reference, what it did, and how it is", async () => {
    const client = await SmtpClient.open(port);
    await client.reply();
    for (const line of ["EHLO client.example", "MAIL FROM:<s@sender.example>", "RCPT TO:<vere@kontor.example>"]) {
      await client.command(line);
    }
    await client.command("RCPT TO:<vera@kontor.example>");
    await client.command("DATA");
    expect(await client.command("Message-ID: <1@sender.example>\r\n\r\nx\r\n.")).toMatch(/^250/);
    await client.command("QUIT");

    const traced = await until(
      () => ask("trace", "vera@kontor.example", "--json"),
      ({ code }) => code === 0,
    );
    const { events } = JSON.parse(traced.stdout) as { events: { ref: string; queue: string; messageId: string }[] };
    expect(events).toEqual([
      expect.objectContaining({ queue: "4ABC", messageId: "<1@sender.example>", kind: "delivered" }),
    ]);
    const ref = events[0]?.ref ?? "";
    expect(hop.received[0]?.message.toString()).toContain(`id ${ref}\r\n`);

    const [explained, summary, status, nothing] = await Promise.all([
      ask("explain", ref),
      ask("summary", "--since", "today"),
      ask("status", "--json"),
      ask("trace", "nobody@elsewhere.example"),
    ]);
    expect(explained.stdout).toMatch(
      /event: refused stage=rcpt .* to=vere@kontor\.example .*\n {2}vere@kontor\.example at \S+: refused\n/,
    );
    expect(explained.stdout).toMatch(/event: delivered .*\n {2}vera@kontor\.example at \S+: accepted\n/);
    expect(summary.stdout).toContain("vere@kontor.example (near vera@kontor.example)");
    expect(summary.stdout).toMatch(/delivered: 1 messages to 1 recipients/);
    const { relays } = JSON.parse(status.stdout) as { relays: { sessions: number; hops: { hop: string }[] }[] };
    expect(relays).toHaveLength(2);
    expect(relays.flatMap(({ hops }) => hops)).toEqual([
      expect.objectContaining({ hop: `127.0.0.1:${hop.port}`, rests: null }),
    ]);
    expect(nothing).toMatchObject({ code: 1, stdout: "" });
  }, 60_000);

  it("says what is wrong with a list file, and which list is used until it is mended", async () => {
    const path = join(scene.folder, "snapshot.sqlite");
    const good = readFileSync(path);
    const put = (bytes: Buffer): void => {
      writeFileSync(`${path}.new`, bytes);
      renameSync(`${path}.new`, path);
    };
    put(good.subarray(0, good.length - 100));
    const torn = await until(
      () => ask("status"),
      ({ stdout }) => stdout.includes("  list: torn"),
    );
    expect(torn.code).toBe(2);
    expect(torn.stdout).toMatch(
      /^invalid: \S+snapshot\.sqlite cannot be used \(torn: .*\): the running relay still uses the list of \S+Z with 1 addresses; one that starts now accepts every recipient\n/,
    );
    put(good);
    const mended = await until(
      () => ask("status"),
      ({ stdout }) => !stdout.includes("  list: torn"),
    );
    expect(mended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^fresh: /) as string });
  }, 60_000);

  it("says who is blocked, lets one connect again, and is missed by nobody when it is dead", async () => {
    const client = await SmtpClient.open(port);
    await client.reply();
    for (const line of [
      "EHLO x",
      "MAIL FROM:<s@sender.example>",
      "RCPT TO:<a1@kontor.example>",
      "RCPT TO:<a2@kontor.example>",
    ]) {
      await client.command(line);
    }
    const last = await until(
      () => ask("trace", "a2@kontor.example", "--json"),
      ({ code }) => code === 0,
    );
    expect(JSON.parse(last.stdout)).toMatchObject({ events: [{ code: 421, by: "goodmailto", reason: "harvest" }] });
    const blocked = await ask("blocked");
    expect(blocked).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^127\.0\.0\.1: harvest until \S+Z \(\d+ s left\): asked for many unknown recipients\n$/,
      ) as string,
    });
    const { blocked: facts } = JSON.parse((await ask("blocked", "--json")).stdout) as { blocked: unknown[] };
    expect(facts).toEqual([expect.objectContaining({ network: "127.0.0.1", kind: "harvest" })]);
    expect(await ask("unblock", "127.0.0.1", "--kind", "logins")).toMatchObject({
      code: 1,
      stdout:
        "127.0.0.1 was not blocked (logins)\n127.0.0.1 is still blocked (harvest): asked for many unknown recipients\n",
    });
    expect(await ask("unblock", "127.0.0.1")).toMatchObject({
      code: 0,
      stdout: "127.0.0.1 is no longer blocked (harvest)\n",
    });
    expect(await ask("unblock", "127.0.0.1")).toMatchObject({ code: 1, stdout: "127.0.0.1 was not blocked\n" });
    expect(await ask("unblock", "murks")).toMatchObject({ code: 2 });
    expect(await ask("unblock", "127.0.0.1", "--kind", "murks")).toMatchObject({ code: 2 });
    const again = await SmtpClient.open(port);
    expect(await again.reply()).toMatch(/^220/);
    again.close();
    await relay.stop();
    expect(await ask("blocked")).toMatchObject({ code: 69 });
    const status = await ask("status", "--json");
    expect(JSON.parse(status.stdout)).toMatchObject({ status: "fresh", relays: [], silent: [] });
  }, 60_000);
});
