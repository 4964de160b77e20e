/** A fleet: one sync, an origin, three relays. Whatever the origin gives them, each answers from the last good list. */
import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { pullOnce } from "../../src/commands/pull.ts";
import { createLog } from "../../src/log/log.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { publish as publishSettings } from "../../src/config/transfer.ts";
import type { Protection } from "../../sync/publish/protect.ts";
import { pushList } from "../../sync/targets/again.ts";
import { createTarget } from "../../sync/targets/target.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startOrigin } from "../fakes/origin.ts";
import type { Origin } from "../fakes/origin.ts";
import { settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { listSource, memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";

const secret = "00112233445566778899aabbccddeeff".repeat(2);
const ours = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const form = createKeyedForm(secret, "address");
const start = Date.parse("2026-11-01T00:00:00Z");

/** One relay of the fleet, with its own folder, memory and pull. */
interface Member {
  readonly relay: TestRelay;
  /** How a pull ended. */
  pull(): Promise<string>;
  /** "vera nobody neu": the codes to these recipients. */
  answers(): Promise<string>;
  /** By the gauge of the relay's metrics. */
  pullFailures(): Promise<string>;
}

async function startMember(origin: Origin, hop: NextHop): Promise<Member> {
  const config = `[snapshot]
path = "snapshot.sqlite"
key_file = "key"
public_key_file = "pub"
pull = "${origin.url}/snapshot.sqlite"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`;
  const files = { key: secret, pub: ours.publicKey.export({ type: "spki", format: "pem" }).toString() };
  const relay = await startTestRelay({ config, files });
  const settings = settingsOf(config, relay.folder);
  const log = createLog({ ...settings.log, write: (line) => relay.log.push(line) });
  return {
    relay,
    async pull() {
      const { kind } = await pullOnce(settings, relay.folder, log, new AbortController().signal);
      await relay.relay.snapshot.check();
      return kind;
    },
    async pullFailures() {
      const gauges = await relay.relay.gauges();
      return String(gauges.find(({ name }) => name === "pull_failures")?.value);
    },
    async answers() {
      const client = await SmtpClient.open(relay.port);
      await client.reply();
      await client.command("EHLO client.example");
      await client.command("MAIL FROM:<sender@partner.example>");
      const codes: string[] = [];
      for (const user of ["vera", "nobody", "neu"]) {
        codes.push(((await client.command(`RCPT TO:<${user}@kontor.test>`)) ?? "closed").slice(0, 3));
      }
      await client.command("QUIT");
      client.close();
      return codes.join(" ");
    },
  };
}

describe("a fleet of three relays with one origin", () => {
  let origin: Origin;
  let hop: NextHop;
  let fleet: Member[];
  let folder: string;
  let time = start;

  beforeEach(async () => {
    origin = await startOrigin();
    hop = await startNextHop();
    folder = temporaryFolder();
    fleet = [];
    for (let count = 0; count < 3; count += 1) {
      fleet.push(await startMember(origin, hop));
    }
  });
  afterEach(async () => {
    await Promise.all([...fleet.map(({ relay }) => relay.stop()), hop.close(), origin.stop()]);
  });

  /** One sync inside, pushed to the origin by PUT. */
  async function sync(people: readonly string[], protection: Protection = { form, signer: ours.privateKey }) {
    const path = join(folder, "snapshot.sqlite");
    time += 60_000;
    await publish(path, [listSource("domino", people)], { protection, now: () => time, acceptShrink: true });
    const to = createTarget(publishSettings.parse({ name: "origin", to: `${origin.url}/snapshot.sqlite` }), folder);
    expect(await pushList([to], path, memoryLog(), new AbortController().signal)).toEqual([]);
    return readFileSync(path);
  }

  async function each(what: "pull" | "answers" | "pullFailures"): Promise<string[]> {
    return [...new Set(await Promise.all(fleet.map((member) => member[what]())))];
  }

  it("opens without a list, refuses with one, and is moved by nothing but a newer one of ours", async () => {
    expect(await each("answers"), "before the first list").toEqual(["250 250 250"]);

    const old = await sync(["vera", "old@kontor.example"]);
    expect(await each("pull")).toEqual(["installed"]);
    expect(await each("answers"), "after the first list").toEqual(["250 550 550"]);

    const good = await sync(["vera", "sue@kontor.example"]);
    expect(await each("pull")).toEqual(["installed"]);
    expect(await each("pull")).toEqual(["unchanged"]);
    expect(await each("answers"), "after the second list").toEqual(["250 550 550"]);

    const { port } = origin;
    await origin.stop();
    expect(await each("pull")).toEqual(["failed"]);
    expect(await each("pull")).toEqual(["failed"]);
    expect(await each("answers"), "while the origin is away").toEqual(["250 550 550"]);
    expect(await each("pullFailures")).toEqual(["2"]);
    origin = await startOrigin({}, port);

    // As if one relay's folder were written to by somebody else as well: the relay judges by itself.
    const alone = fleet[0] as Member;
    const strangerPath = join(folder, "stranger.sqlite");
    await publish(strangerPath, [listSource("x", ["nobody", "neu"])], {
      protection: { form, signer: stranger.privateKey },
      now: () => time + 1_000_000,
    });
    const bad: readonly [string, Buffer][] = [
      ["truncated", good.subarray(0, good.length - 4096)],
      ["old", old],
      ["signed by a stranger", readFileSync(strangerPath)],
    ];
    for (const [what, bytes] of bad) {
      origin.files.set("/snapshot.sqlite", bytes);
      expect([what, await each("pull")]).toEqual([what, ["refused"]]);
      expect([what, await each("pullFailures")]).not.toEqual([what, ["0"]]);
      expect([what, await each("answers")]).toEqual([what, ["250 550 550"]]);
      writeFileSync(join(folder, "bad"), bytes);
      copyFileSync(join(folder, "bad"), alone.relay.snapshotPath);
      await alone.relay.relay.snapshot.check();
      expect(alone.relay.relay.snapshot.state, what).toHaveProperty("alarm");
      expect([what, await alone.answers()]).toEqual([what, "250 550 550"]);
    }

    await sync(["vera", "neu@kontor.example"]);
    expect(await each("pull")).toEqual(["installed"]);
    expect(await each("answers"), "after the next list").toEqual(["250 550 250"]);
    expect(await each("pullFailures")).toEqual(["0"]);
    for (const { relay } of fleet) {
      expect(relay.relay.snapshot.state).not.toHaveProperty("alarm");
      const refusals = relay.log.filter((line) => line.includes("pull") && line.includes("refused"));
      expect(refusals).toHaveLength(3);
    }
  }, 90_000);
});
