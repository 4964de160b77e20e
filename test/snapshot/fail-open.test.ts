/**
 * A snapshot that is locked, or that throws when it is asked, as a client of the relay meets it: the relay domains are
 * accepted and the log says so, foreign ones are refused. docs/design.md promise 2.
 */
import { renameSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { addresses, temporaryFolder } from "./fixture.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) {
    await end();
  }
});

const many = addresses(5000);

async function publish(): Promise<string> {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  await publishSnapshot(path, many);
  return path;
}

async function start(path: string): Promise<{ relay: TestRelay; hop: NextHop }> {
  const hop = await startNextHop();
  const relay = await startTestRelay({
    config: `[log]\nformat = "json"\n[snapshot]\npath = "${path}"\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"`,
  });
  ends.push(
    () => relay.stop(),
    () => hop.close(),
  );
  return { relay, hop };
}

/** Another program that holds the file for itself alone, so that SQLite's own readers are told SQLITE_BUSY. */
function lock(path: string): Database.Database {
  const database = new Database(path);
  ends.push(() => database.close());
  database.pragma("cache_size = 5");
  database.exec("BEGIN EXCLUSIVE");
  const reader = new Database(path, { readonly: true, timeout: 0 });
  expect(() => reader.prepare("SELECT count(*) FROM recipient").get()).toThrow("locked");
  reader.close();
  return database;
}

/** The answers to RCPT for a listed recipient, one that is not, and two that would make a relay of us. */
async function ask(relay: TestRelay): Promise<string[]> {
  const client = await SmtpClient.open(relay.port);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<s@sender.example>");
  const answers: string[] = [];
  for (const recipient of ["a1@kontor.example", "nobody@kontor.example", "a@foreign.example", "a%x@kontor.example"]) {
    answers.push((await client.command(`RCPT TO:<${recipient}>`)) ?? "closed");
  }
  client.close();
  return answers.map((text) => text.slice(0, 9));
}

const served = ["250 2.1.5", "550 5.1.1", "550 5.7.1", "550 5.7.1"];
const failingOpen = ["250 2.1.5", "250 2.1.5", "550 5.7.1", "550 5.7.1"];

function shouted(relay: TestRelay, words: string): number {
  return relay.log.filter((line) => line.includes(`"level":"error"`) && line.includes(words)).length;
}

describe("a snapshot that another program has locked", () => {
  it("serves as ever: its bytes are read, no lock is asked for", async () => {
    const path = await publish();
    lock(path);
    const { relay } = await start(path);
    expect(await ask(relay)).toEqual(served);
    await relay.relay.snapshot.check();
    expect(await ask(relay)).toEqual(served);
    expect(shouted(relay, "snapshot")).toBe(0);
  });

  it("and half changed fails open at the start, loudly; while it runs, the one before goes on serving", async () => {
    const path = await publish();
    const { relay: before } = await start(path);
    // More than the cache holds: pages of the open transaction are in the file, under its lock.
    lock(path).exec("UPDATE recipient SET entry = entry || 'x'");
    const { relay, hop } = await start(path);
    expect(await ask(relay)).toEqual(failingOpen);
    expect(hop.commands.flat().filter((line) => line.startsWith("RCPT"))).toHaveLength(2);
    expect(shouted(relay, "unavailable, accepting every recipient of the relay domains")).toBe(1);
    expect(relay.relay.snapshot.state).toMatchObject({ kind: "unavailable", why: "torn" });
    await before.relay.snapshot.check();
    expect(await ask(before)).toEqual(served);
    expect(shouted(before, "invalid file, still serving the previous snapshot")).toBe(1);
  });
});

describe("a snapshot that throws when it is asked", () => {
  it("fails open for each recipient, loudly, and makes no open relay", async () => {
    const path = await publish();
    const database = new Database(path);
    // A table in all that is looked at before it serves; its key is a sum that SQLite cannot do.
    database.exec(`ALTER TABLE recipient RENAME TO row;
      CREATE VIEW recipient AS SELECT abs(-9223372036854775807 - source) AS key, source, kind, entry, rule, gone FROM row;
      DELETE FROM meta WHERE key = 'digest'; VACUUM`);
    expect(() => database.prepare("SELECT key FROM recipient").get()).toThrow("integer overflow");
    database.close();
    const { relay, hop } = await start(path);
    expect(relay.relay.snapshot.state.kind).toBe("open");
    expect(await ask(relay)).toEqual(failingOpen);
    expect(hop.commands.flat().filter((line) => line.startsWith("RCPT"))).toHaveLength(2);
    expect(shouted(relay, "lookup failed, accepting its recipient")).toBe(1);
    expect(relay.relay.snapshot.state).toMatchObject({ alarm: "lookups fail, their recipients are accepted" });
    expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
    // The next good file ends it.
    renameSync(await publish(), path);
    await relay.relay.snapshot.check();
    expect(await ask(relay)).toEqual(served);
  });
});
