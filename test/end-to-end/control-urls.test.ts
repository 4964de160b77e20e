/** `[control] urls` with a real nginx: its lists count, also while it is away, and no client waits for it. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { makeCdb } from "../fakes/cdb.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { startNginx } from "../fakes/nginx.ts";
import type { Nginx } from "../fakes/nginx.ts";
import { startOrigin } from "../fakes/origin.ts";
import { settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { configOf, Scene } from "./scene.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

const locations = "location /a/ { alias files/lists/a/; } location /b/ { alias files/lists/b/; }";
const files = (nginx: Nginx, lists: Readonly<Record<string, string>>): void => {
  for (const [path, text] of Object.entries(lists)) {
    mkdirSync(join(nginx.files, path, ".."), { recursive: true });
    writeFileSync(join(nginx.files, path), text);
  }
};

interface Site {
  readonly nginx: Nginx;
  readonly folder: string;
  relay(): Promise<TestRelay>;
}

async function site(): Promise<Site> {
  const nginx = await startNginx("", locations);
  let isUp = true;
  const folder = mkdtempSync(join(tmpdir(), "gmto-lists-"));
  copyFileSync(nginx.authority.ca, join(folder, "ca.pem"));
  const stop = async (): Promise<void> => {
    if (isUp) {
      isUp = false;
      await nginx.stop();
    }
  };
  ends.push(() => rmSync(folder, { recursive: true }), stop);
  const config = `[checks]
run = ["badhelo"]
[control]
folders = []
urls = ["https://localhost:${nginx.port}/a/", "https://localhost:${nginx.port}/b/"]
cache = "${folder}/cache"
http_ttl = "100ms"
ca_file = "${folder}/ca.pem"
`;
  return {
    nginx: { ...nginx, stop },
    folder,
    async relay() {
      const relay = await startTestRelay({ config });
      ends.push(() => relay.stop());
      return relay;
    },
  };
}

/** What a client of this name is told at MAIL. */
async function answerAs(helo: string, port: number): Promise<string> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command(`EHLO ${helo}`);
  const mail = (await client.command("MAIL FROM:<s@sender.example>")) ?? "closed";
  client.close();
  return mail;
}
const refused = async (relay: TestRelay, helo: string): Promise<void> => {
  await expect.poll(async () => (await answerAs(helo, relay.port)).slice(0, 1), { timeout: 8000 }).toBe("5");
};
const passed = async (relay: TestRelay, helo: string): Promise<void> => {
  await expect.poll(async () => (await answerAs(helo, relay.port)).slice(0, 1), { timeout: 8000 }).toBe("2");
};

describe.skipIf(missing("nginx"))("lists of a web server", () => {
  it("count while it answers, after it stopped, and after a restart without it", async () => {
    const { nginx, folder, relay } = await site();
    files(nginx, { "a/badhelo": "# names\nbad.example\n$include morehelo\n", "a/morehelo": "worse.example\n" });
    const first = await relay();
    await refused(first, "bad.example");
    await refused(first, "worse.example");
    await passed(first, "good.example");
    await nginx.stop();
    await expect
      .poll(() => first.log.filter((line) => line.includes("lists: cannot be fetched")).length)
      .toBeGreaterThan(0);
    await refused(first, "bad.example");
    await first.relay.stop();
    const second = await relay();
    await refused(second, "bad.example");
    await refused(second, "worse.example");
    const cache = join(folder, "cache");
    expect(readdirSync(cache).toSorted()).toEqual([".badhelo.json", ".morehelo.json", "badhelo", "morehelo"]);
    expect(statSync(join(cache, "badhelo")).mode & 0o777).toBe(0o600);
    expect(second.log.filter((line) => line.includes("lists: cannot be fetched"))).not.toEqual([]);
  });

  it("come from the first URL that has entries, change with it, and are emptied but not removed", async () => {
    const { nginx, relay } = await site();
    files(nginx, { "a/badhelo": "# nothing yet\n\n", "b/badhelo": "second.example\n" });
    const one = await relay();
    await refused(one, "second.example");
    files(nginx, { "a/badhelo": "first.example\n" });
    await refused(one, "first.example");
    await passed(one, "second.example");
    rmSync(join(nginx.files, "a"), { recursive: true });
    rmSync(join(nginx.files, "b"), { recursive: true });
    const fetched = (): number => one.log.filter((line) => line.includes("lists: fetched")).length;
    const before = fetched();
    await refused(one, "first.example");
    files(nginx, { "b/badhelo": "# nobody\n" });
    await passed(one, "first.example");
    // A list that has not changed is not fetched again: ETag.
    expect(fetched()).toBe(before + 1);
  });
});

describe("lists of a web server and several workers", () => {
  it("are fetched once for all of them, maps too", async () => {
    const [scene, hop, origin] = [new Scene(), await startNextHop(), await startOrigin()];
    ends.push(
      () => origin.stop(),
      () => hop.close(),
      () => scene.close(),
    );
    origin.files.set("/badhelo", Buffer.from("bad.example\n"));
    origin.files.set("/more.cdb", makeCdb({ "192.0.2.": "" }));
    const more = `[clients]\nmorerelayclients = "more"\n[checks]\nrun = ["badhelo"]
[control]\nfolders = []\nurls = ["${origin.url}/"]\ncache = "cache"\nhttp_ttl = "1d"\n`;
    const config = scene.write("goodmailto.toml", configOf({ hop: hop.port, smtp: "workers = 2", more }));
    const program = scene.start("serve", "--config", config);
    const [, port] = await program.until(/relay: ready listen=\S*?:(\d+)/);
    await program.until(/workers ready/);
    // Each worker serves some of these, and says no to the last.
    for (let refusals = 0; refusals < 12;) {
      const answer = await answerAs("bad.example", Number(port));
      refusals = answer.startsWith("5") ? refusals + 1 : 0;
    }
    expect(origin.asked.map(({ path }) => path).toSorted()).toEqual(["/badhelo", "/more.cdb"]);
  });
});

describe("[control] urls", () => {
  it("needs a folder, and URLs", () => {
    expect(() => settingsOf('[control]\nurls = ["https://host/lists/"]\n', "/tmp")).toThrow(
      /control\.urls: needs \[control\] cache/,
    );
    expect(() => settingsOf('[control]\nurls = ["lists"]\ncache = "c"\n', "/tmp")).toThrow(
      /control\.urls: must be .*https:/,
    );
  });
});
