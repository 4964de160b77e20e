/** `[snapshot] canary`: a new list waits beside the one that serves, and refuses nobody until its time has come. */
import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { ReaderOptions, SnapshotReader } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { rollBack } from "../../sync/run/rollback.ts";

import { listSource, mailbox, memoryLog, publish, temporaryFolder } from "./fixture.ts";

const minute = 60_000;
const start = Date.parse("2026-11-28T10:00:00Z");
const wait = 15 * minute;

describe("a relay with [snapshot] canary", () => {
  let path: string;
  let file: string;
  let time: number;
  const log = memoryLog();

  beforeEach(() => {
    path = join(temporaryFolder(), "snapshot.sqlite");
    file = `${path}.served`;
    time = start;
    log.lines.length = 0;
  });

  /** A sync at this moment. */
  async function list(...people: string[]): Promise<void> {
    const all = ["vera", ...people].map((name) => `${name}@kontor.example`);
    await publish(path, [listSource("list", all)], { now: () => time, acceptShrink: true, acceptGrowth: true });
  }

  function open(options: ReaderOptions = {}): SnapshotReader {
    const reader = openSnapshot(path, log, { now: () => time, wait: { time: wait, file, keeps: true }, ...options });
    onTestFinished(() => reader.close());
    return reader;
  }

  /** "vera anna ben": who of them is known. */
  async function known(reader: SnapshotReader): Promise<string> {
    await reader.check();
    const settings = { match: "address", recipient_delimiter: "+" } as const;
    const { find } = createRecipients(reader, createDomains(["kontor.example"]), { ...settings, always: [] });
    const names = ["vera", "anna", "ben", "carl"];
    return names.filter((name) => find(mailbox(`${name}@kontor.example`)).kind === "known").join(" ");
  }

  const back = (from: string, reason: string | undefined): unknown =>
    rollBack({ path, from, reason, keep: 3, keepFor: 0, protection: unprotected, now: time, log });

  it("keeps the previous list for its time, accepts whom either has, and then takes the new one", async () => {
    await list("anna");
    const reader = open();
    expect(reader.state).not.toHaveProperty("waiting");
    time += 60 * minute;
    await list("ben");
    expect(await known(reader)).toBe("vera anna ben");
    expect(reader.state).toMatchObject({
      created: start,
      rows: 2,
      waiting: { created: time, since: time, until: time + wait },
    });
    time += wait - 1;
    expect(await known(reader)).toBe("vera anna ben");
    time += 1;
    expect(await known(reader)).toBe("vera ben");
    expect(reader.state).toMatchObject({ created: start + 60 * minute });
    expect(reader.state).not.toHaveProperty("waiting");
  });

  it("takes the first list at once, since none has served, and a list after an hour of pulls that failed", async () => {
    await list("anna");
    const reader = open();
    expect(await known(reader)).toBe("vera anna");
    time += 60 * minute;
    await list("ben");
    time += wait;
    expect(await known(reader)).toBe("vera ben");
  });

  it("takes each of many lists in its time where they come faster than that", async () => {
    await list("anna");
    const reader = open();
    time += 60 * minute;
    await list("anna", "ben");
    await known(reader);
    for (const people of [["ben"], ["ben", "carl"]]) {
      time += 6 * minute;
      await list(...people);
      expect(await known(reader)).toBe(["vera anna", ...people].join(" "));
    }
    // The first of the three was published fifteen minutes ago.
    time += 3 * minute;
    await known(reader);
    expect(reader.state).toMatchObject({ created: start + 60 * minute });
    // What is there now waits from its own time on; the one between was never served.
    expect(await known(reader)).toBe("vera anna ben carl");
    expect(reader.state).toMatchObject({ waiting: { until: start + 87 * minute } });
    time = start + 87 * minute;
    expect(await known(reader)).toBe("vera ben carl");
  });

  it("takes a list that goes on at once: the same, or with more in it", async () => {
    await list("anna");
    const reader = open();
    time += 60 * minute;
    await list("anna");
    await known(reader);
    expect(reader.state).toMatchObject({ created: time, since: start });
    expect(reader.state).not.toHaveProperty("waiting");
  });

  it("never takes a list that is taken back, and goes back at once", async () => {
    await list("anna");
    const reader = open();
    time += 60 * minute;
    await list("ben");
    await known(reader);
    time += 5 * minute;
    expect(back(`${path}.1`, "canary")).toEqual({ kind: "published" });
    expect(await known(reader)).toBe("vera anna");
    expect(reader.state).not.toHaveProperty("waiting");
    time += 60 * minute;
    expect(await known(reader)).toBe("vera anna");
    back(path, undefined);
    expect(await known(reader)).toBe("vera anna");
  });

  it("opens when the snapshot is removed, whatever waits, and takes what comes then at once", async () => {
    await list("anna");
    const reader = open();
    time += 60 * minute;
    await list("ben");
    await known(reader);
    rmSync(path);
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "unavailable", why: "missing" });
    expect(reader.waiting).toBeUndefined();
    rmSync(file, { force: true });
    await list("carl");
    rmSync(`${path}.1`, { force: true });
    expect(await known(reader)).toBe("vera carl");
  });

  it("takes what waits in its time, with an alarm, where a damaged file is in its place by then", async () => {
    await list("anna");
    const reader = open();
    time += 60 * minute;
    await list("ben");
    await known(reader);
    writeFileSync(path, "rubbish");
    await reader.check();
    expect(reader.state).toMatchObject({ created: start, alarm: expect.stringContaining("not a database") });
    time += wait;
    await reader.check();
    expect(reader.state).toMatchObject({ created: start + 60 * minute, alarm: expect.any(String) });
  });

  describe("started again while a new list waits", () => {
    beforeEach(async () => {
      await list("anna");
      open();
      await vi.waitUntil(() => existsSync(file));
      time += 60 * minute;
      await list("ben");
      time += minute;
    });

    it("still has the list that it served, in its own file", async () => {
      rmSync(`${path}.1`);
      const reader = open();
      expect(await known(reader)).toBe("vera anna ben");
      expect(reader.state).toMatchObject({ created: start, waiting: { until: start + 75 * minute } });
      time += wait;
      expect(await known(reader)).toBe("vera ben");
    });

    it.each([
      ["is missing", () => rmSync(file)],
      ["is damaged", () => writeFileSync(file, "rubbish")],
      ["is named nowhere", () => undefined],
    ])("takes one that the sync keeps beside it where that %s", async (what, spoil) => {
      spoil();
      const named = what === "is named nowhere" ? "" : file;
      const reader = open({ wait: { time: wait, file: named, keeps: true } });
      expect(await known(reader)).toBe("vera anna ben");
      expect(reader.state).toMatchObject({ created: start });
    });

    it("takes the new one at once where there is no other", async () => {
      rmSync(file);
      rmSync(`${path}.1`);
      expect(await known(open())).toBe("vera ben");
    });

    it("takes its own file for none that another secret made, or that is newer than the list", async () => {
      rmSync(`${path}.1`);
      copyFileSync(path, file);
      expect(await known(open())).toBe("vera ben");
    });
  });

  it("ends the wait when the setting is taken away and the relay is told", async () => {
    await list("anna");
    const reader = open();
    time += 60 * minute;
    await list("ben");
    await known(reader);
    reader.change(plainTrust, { time: 0, file: "", keeps: true });
    expect(await known(reader)).toBe("vera ben");
  });

  it("waits no longer than its time where the clock of the sync is ahead", async () => {
    await list("anna");
    const reader = open();
    time += 600 * minute;
    await list("ben");
    time -= 540 * minute;
    await known(reader);
    expect(reader.state).toMatchObject({ waiting: { until: time + wait } });
  });
});
