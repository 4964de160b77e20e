/** What a relay remembers of who gets mail: what the next hop took, in hashes, bounded, shared, and never in the way. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import type { Recipients } from "../../src/snapshot/recipients.ts";
import { hashed } from "../../src/traffic/record.ts";
import { TrafficRecorder } from "../../src/traffic/recorder.ts";
import { readOwnSecret } from "../../src/traffic/secret.ts";
import { parseTraffic, printTraffic } from "../../src/traffic/text.ts";
import type { Traffic } from "../../src/traffic/text.ts";
import { fetchTraffic } from "../../sync/traffic/fetch.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { mailbox, memoryLog, temporaryFolder } from "../snapshot/fixture.ts";
import { lookupProtocols } from "../../src/report/counters.ts";
import { askerOf } from "../lookup/askers.ts";
import { lookupSections } from "../lookup/scene.ts";
import { kontor } from "../sync/reading.ts";

const secret = "5a".repeat(32);
const day = 86_400_000;

/** The text that is there. */
function textOf(folder: string): Traffic {
  const read = parseTraffic(readFileSync(join(folder, "traffic.txt"), "utf8"));
  if (typeof read === "string") {
    throw new TypeError(read);
  }
  return read;
}

/** Messages to a recipient; undefined: it is not remembered. */
function messagesTo({ records }: Traffic, user: string | undefined, key: string, domain = "kontor.example") {
  const { full } = hashed({ user, domain }, createKeyedForm(key, "address"));
  return records.find((record) => record.full === full)?.days.reduce((sum, [, messages]) => sum + messages, 0);
}

async function send(port: number, recipients: readonly string[]): Promise<string[]> {
  const client = await SmtpClient.open(port);
  await client.reply();
  const replies = [await client.command("EHLO client.example"), await client.command("MAIL FROM:<a@partner.example>")];
  for (const recipient of recipients) {
    replies.push(await client.command(`RCPT TO:<${recipient}>`));
  }
  await client.command("DATA");
  replies.push(await client.command("Subject: x\r\n\r\nx\r\n."));
  await client.command("QUIT");
  client.close();
  return replies.slice(2).map((line) => (line ?? "").slice(0, 3));
}

describe("a relay remembers who gets mail", () => {
  let hop: NextHop;
  let relay: TestRelay;

  beforeEach(async () => {
    hop = await startNextHop();
  });
  afterEach(async () => {
    await relay.stop();
    await hop.close();
  });

  function start(more = "", files: TestRelayOptions["files"] = {}): Promise<TestRelay> {
    return startTestRelay({
      config: `${more === "" ? '[guard]\ntraffic_folder = "{folder}/traffic"' : more}
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`,
      snapshot: ["vera@kontor.example", "boss", "@catch.example"],
      files: { "traffic/.keep": "", ...files },
    });
  }

  it("in hashes, under the name that the list knows, once the next hop has the message", async () => {
    relay = await start();
    const folder = join(relay.folder, "traffic");
    expect(
      await send(relay.port, ["Vera+news@kontor.test", "boss@kontor.example", "postmaster@kontor.example"]),
    ).toEqual(["250", "250", "250", "250"]);
    expect(await send(relay.port, ["vera@kontor.example", "nobody@kontor.example"])).toEqual(["250", "550", "250"]);
    await relay.relay.stop();
    const traffic = textOf(folder);
    const key = readOwnSecret(folder);
    expect(messagesTo(traffic, "vera", key)).toBe(2);
    expect(messagesTo(traffic, "boss", key)).toBe(1);
    expect(traffic.records).toHaveLength(2);
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name), "latin1");
      expect(bytes.match(/vera|boss|nobody|postmaster/i), name).toBeNull();
    }
  });

  it("and hands it to a sync by HTTP, with a token alone", async () => {
    const lookup = (name: string, more = ""): string =>
      `[[lookup]]\nname = "${name}"\nprotocol = "http"\nlisten = ["127.0.0.1:0"]\n${more}`;
    const config = `[guard]\ntraffic_folder = "{folder}/traffic"\nkey_file = "key"\n${lookup("open")}${lookup("closed", 'token_file = "token"\n')}`;
    relay = await start(config, { key: secret, token: { text: "geheimes-losungswort-1\n", mode: 0o600 } });
    const [, open, closed] = relay.ports;
    const from = (port: number | undefined, token: string) => ({
      ...{ places: [`http://127.0.0.1:${port ?? 0}/v1/traffic`], token, ca: undefined, named: true },
      mark: createKeyedForm(secret, "address").mark,
    });
    const { signal } = new AbortController();
    const log = memoryLog();
    await send(relay.port, ["vera@kontor.example"]);
    const fetched = (port: number | undefined, token: string): Promise<readonly Traffic[]> =>
      fetchTraffic(from(port, token), log, Date.now(), signal);
    await expect.poll(() => fetched(closed, "geheimes-losungswort-1"), { timeout: 15_000 }).toHaveLength(1);
    const [traffic] = await fetched(closed, "geheimes-losungswort-1");
    expect(traffic === undefined ? 0 : messagesTo(traffic, "vera", secret)).toBe(1);
    const before = log.lines.length;
    expect(await fetched(closed, "falsches-losungswort")).toEqual([]);
    expect(await fetched(open, "geheimes-losungswort-1")).toEqual([]);
    expect(log.lines.slice(before).map(({ fields }) => String(fields["why"]).slice(0, 15))).toEqual([
      "it answered 401",
      "it answered 404",
    ]);
  });

  it("as those whom other mail servers ask about, where it answers nothing else", async () => {
    const config = `[smtp]
listen = []
[guard]
traffic_folder = "{folder}/traffic"
key_file = "key"
${lookupSections()}`;
    relay = await start(config, { key: secret });
    const asked: string[] = [];
    for (const [i, protocol] of lookupProtocols.entries()) {
      const asker = await askerOf(protocol, relay.ports[i] ?? 0);
      for (const address of [`vera+${protocol}@kontor.test`, "vera@kontor.example", "nobody@kontor.example"]) {
        asked.push(`${protocol} ${await asker.ask(address, "sender@partner.example")}`);
      }
      asker.close();
    }
    await relay.relay.stop();
    const traffic = textOf(join(relay.folder, "traffic"));
    expect(traffic.records, asked.join(", ")).toHaveLength(1);
    // Once for the servers that do not tell their client, and once for each client that is told.
    expect(messagesTo(traffic, "vera", secret)).toBe(2);
  });

  it("not what the next hop refused", async () => {
    relay = await start();
    hop.script.answers = { dot: "554 5.6.0 no" };
    expect(await send(relay.port, ["vera@kontor.example"])).toEqual(["250", "554"]);
    hop.script.answers = {};
    expect(await send(relay.port, ["boss@kontor.example"])).toEqual(["250", "250"]);
    await relay.relay.stop();
    const folder = join(relay.folder, "traffic");
    expect(messagesTo(textOf(folder), "vera", readOwnSecret(folder))).toBeUndefined();
    expect(textOf(folder).records).toHaveLength(1);
  });

  it("under the secret of the settings, and not at all where it is switched off", async () => {
    relay = await start('[guard]\ntraffic_folder = "{folder}/traffic"\nkey_file = "key"', { key: secret });
    const folder = join(relay.folder, "traffic");
    await send(relay.port, ["vera@kontor.example"]);
    relay.reload(relay.config.replace("[guard]", "[guard]\ntraffic = false"));
    await send(relay.port, ["boss@kontor.example"]);
    await relay.relay.stop();
    await expect.poll(() => readdirSync(folder)).toContain("traffic.txt");
    expect(messagesTo(textOf(folder), "vera", secret)).toBe(1);
    expect(messagesTo(textOf(folder), "boss", secret)).toBeUndefined();
    expect(readdirSync(folder)).not.toContain("traffic.key");
  });

  it("moves a damaged file aside, says so, and mail goes on", async () => {
    relay = await start(undefined, { "traffic/traffic.sqlite": "not a database at all ".repeat(100) });
    const folder = join(relay.folder, "traffic");
    expect(await send(relay.port, ["vera@kontor.example"])).toEqual(["250", "250"]);
    await relay.relay.stop();
    expect(readdirSync(folder)).toContain("traffic.sqlite.damaged");
    expect(relay.log.filter((line) => line.includes("damaged file moved aside"))).toHaveLength(1);
    expect(textOf(folder).records).toHaveLength(1);
  });
});

/** A list that knows everybody by name. */
const everybody = {
  find: ({ user, domain }) => ({
    kind: "known",
    key: user === "catch" ? `@${domain}` : `${user}@${domain}`,
    as: "account",
    source: "",
    entry: "",
  }),
} as const satisfies Pick<Recipients, "find">;

function notesOf(recorder: TrafficRecorder, list = 1000) {
  return recorder.notes({
    recipients: { ...everybody, isAlways: () => false, unknown: () => never() },
    domains: kontor,
    formsOf: (user) => [user, user.split("+")[0] ?? ""],
    list: () => list,
  });
}

function never(): never {
  throw new Error("not asked");
}

describe("the file of the traffic", () => {
  const open = (folder: string, now: number): TrafficRecorder =>
    new TrafficRecorder({ folder, secret, match: "address" }, memoryLog(), { flushEvery: 3_600_000, now: () => now });

  it("is shared by workers that write at the same time", async () => {
    const folder = temporaryFolder();
    const workers = [1, 2, 3].map(() => open(folder, 20_000 * day));
    for (const [i, worker] of workers.entries()) {
      const notes = notesOf(worker);
      for (let n = 0; n < 300; n += 1) {
        notes.accepted(mailbox(`a${n % 100}@kontor.example`));
      }
      notes.accepted(mailbox(`own${i}@kontor.example`));
    }
    await Promise.all(workers.map((worker) => worker.close()));
    const last = open(folder, 20_000 * day);
    notesOf(last).accepted(mailbox("a0@kontor.test"));
    await last.close();
    const traffic = textOf(folder);
    expect(traffic.records).toHaveLength(103);
    expect(messagesTo(traffic, "a0", secret)).toBe(10);
    expect(messagesTo(traffic, "a99", secret)).toBe(9);
  });

  it("is shared by processes that end at the same time: the text has what all of them noted", async () => {
    for (let round = 0; round < 2; round += 1) {
      const folder = temporaryFolder();
      const workers = ["one", "two"].map((name) =>
        fork(join(import.meta.dirname, "worker.ts"), [folder, secret, name, "2000"]),
      );
      await Promise.all(workers.map((worker) => once(worker, "message")));
      const ends = workers.map((worker) => once(worker, "exit"));
      workers.forEach((worker) => worker.send("close"));
      expect(await Promise.all(ends)).toEqual([
        [0, null],
        [0, null],
      ]);
      const traffic = textOf(folder);
      const counts = ["both", "one", "two"].map((name) => messagesTo(traffic, name, secret));
      expect(counts, `round ${round}`).toEqual([4000, 2000, 2000]);
      expect(traffic.list).toBe(1000);
      expect(readdirSync(folder).toSorted()).toEqual(["traffic.sqlite", "traffic.txt"]);
    }
  });

  it("never mixes the hashes of two secrets while workers are reloaded one after another", async () => {
    const folder = temporaryFolder();
    const log = memoryLog();
    const before = new TrafficRecorder({ folder, secret, match: "address" }, log, { flushEvery: 5 });
    notesOf(before).accepted(mailbox("vera@kontor.example"));
    await expect.poll(() => readdirSync(folder)).toContain("traffic.txt");
    const after = new TrafficRecorder({ folder, secret: "77".repeat(32), match: "address" }, memoryLog());
    notesOf(after).accepted(mailbox("boss@kontor.example"));
    await after.close();
    notesOf(before).accepted(mailbox("vera@kontor.example"));
    await before.close();
    const traffic = textOf(folder);
    expect(traffic.mark).toBe(createKeyedForm("77".repeat(32), "address").mark);
    expect(traffic.records).toHaveLength(1);
    expect(log.lines.map(({ fields }) => String(fields["why"]))).toEqual([expect.stringContaining("another secret")]);
  });

  it("counts by day, remembers a recipient for 60 days, and 14 days of counts", async () => {
    const folder = temporaryFolder();
    for (const [at, user] of [
      [0, "old"],
      [10, "vera"],
      [30, "vera"],
      [31, "vera"],
      [31, "catch"],
    ] as const) {
      const recorder = open(folder, (20_000 + at) * day + 5);
      notesOf(recorder).accepted(mailbox(`${user}@kontor.example`));
      await recorder.close();
    }
    const now = textOf(folder);
    expect(now.records).toHaveLength(3);
    const vera = hashed({ user: "vera", domain: "kontor.example" }, createKeyedForm(secret, "address"));
    expect(now.records.find(({ full }) => full === vera.full)).toEqual({
      ...vera,
      domain: "kontor.example",
      last: 20_031,
      days: [
        [20_031, 1],
        [20_030, 1],
      ],
    });
    expect(messagesTo(now, undefined, secret)).toBe(1);
    const later = open(folder, 20_062 * day);
    notesOf(later).accepted(mailbox("new@kontor.example"));
    await later.close();
    expect(messagesTo(textOf(folder), "old", secret)).toBeUndefined();
    expect(messagesTo(textOf(folder), "vera", secret)).toBe(2);
  });

  it("counts what a list refuses that got mail in the last week, by whatever extension", async () => {
    const folder = temporaryFolder();
    const recorder = open(folder, 20_000 * day);
    notesOf(recorder).accepted(mailbox("vera@kontor.example"));
    notesOf(recorder, 2000).refused(mailbox("vera+x@kontor.test"));
    notesOf(recorder, 2000).refused(mailbox("vera@kontor.example"));
    notesOf(recorder, 2000).refused(mailbox("stranger@kontor.example"));
    await recorder.close();
    expect(textOf(folder).records.map(({ refused }) => refused)).toEqual([{ list: 2000, count: 2 }]);
  });

  it("counts questions of other mail servers once an hour for each recipient and client", async () => {
    const folder = temporaryFolder();
    let now = 20_000 * day;
    const recorder = new TrafficRecorder({ folder, secret, match: "address" }, memoryLog(), {
      flushEvery: 3_600_000,
      now: () => now,
    });
    const notes = notesOf(recorder);
    for (const client of ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "", ""]) {
      notes.asked(mailbox("vera+list@kontor.test"), client);
      notes.asked(mailbox("vera@kontor.example"), client);
    }
    notes.asked(mailbox("postmaster@elsewhere.example"), "");
    now += 3_600_000;
    notes.asked(mailbox("vera@kontor.example"), "192.0.2.1");
    await recorder.close();
    expect(messagesTo(textOf(folder), "vera", secret)).toBe(5);
  });

  it("starts over where the secret is another", async () => {
    const folder = temporaryFolder();
    const recorder = open(folder, 20_000 * day);
    notesOf(recorder).accepted(mailbox("vera@kontor.example"));
    await recorder.close();
    const other = new TrafficRecorder({ folder, secret: "77".repeat(32), match: "address" }, memoryLog());
    notesOf(other).accepted(mailbox("boss@kontor.example"));
    await other.close();
    expect(textOf(folder).records).toHaveLength(1);
  });

  it("never makes mail fail where it cannot be written, and complains once", async () => {
    const folder = join(temporaryFolder(), "gone");
    const log = memoryLog();
    const recorder = new TrafficRecorder({ folder, secret, match: "address" }, log);
    notesOf(recorder).accepted(mailbox("vera@kontor.example"));
    await recorder.close();
    expect(log.lines.map(({ level, event }) => `${level} ${event}`)).toEqual(["error cannot remember who gets mail"]);
  });
});

describe("the text that is handed over", () => {
  const traffic: Traffic = {
    mark: createKeyedForm(secret, "address").mark,
    written: 1_700_000_000_000,
    records: [
      { full: "a".repeat(32), bare: "b".repeat(32), domain: "kontor.example", last: 20_000, days: [[20_000, 3]] },
      { full: "c".repeat(32), bare: "", domain: "x.example", last: 19_999, days: [], refused: { list: 5, count: 2 } },
    ],
  };

  it("comes back as it was", () => {
    expect(parseTraffic(printTraffic(traffic))).toEqual(traffic);
    expect(parseTraffic(printTraffic({ ...traffic, records: [] }))).toEqual({ ...traffic, records: [] });
  });

  it("is refused where a byte of it is another, or it is cut", () => {
    const text = printTraffic(traffic);
    for (let at = 0; at < text.length; at += 1) {
      expect(parseTraffic(text.slice(0, at)), String(at)).toBeTypeOf("string");
      expect(parseTraffic(`${text.slice(0, at)}~${text.slice(at + 1)}`), String(at)).toBeTypeOf("string");
    }
  });
});
