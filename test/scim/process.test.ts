/** `goodmailto scim` as a process beside `sync --cron`: a joiner is published, a crash loses nothing, SIGHUP reads anew. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { RequestOptions } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";

import { describe, expect, it, onTestFinished } from "vitest";

import { errorCode, errorMessage } from "../../src/report/error-message.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { main } from "../program.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";

const token = "a-token-of-the-test";

interface Running {
  readonly child: ChildProcess;
  readonly log: () => string;
}

function start(folder: string, ...words: string[]): Running {
  const child = spawn(process.execPath, [main, ...words, "-c", join(folder, "goodmailto.toml")]);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => (log += chunk.toString()));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  });
  return { child, log: () => log };
}

async function ready(running: Running): Promise<string> {
  await expect.poll(running.log, { timeout: 20_000 }).toContain("scim: ready");
  return `http://127.0.0.1:${/listen=127\.0\.0\.1:(\d+)/.exec(running.log())?.[1]}`;
}

const push = (base: string, userName: string, own = token): Promise<Response> =>
  fetch(`${base}/Users`, {
    method: "POST",
    headers: { authorization: `Bearer ${own}` },
    body: JSON.stringify({ userName }),
  });

async function run(folder: string, ...words: string[]): Promise<[number | null, string]> {
  const { child, log } = start(folder, ...words);
  await once(child, "close");
  return [child.exitCode, log()];
}

function place(): string {
  const folder = temporaryFolder();
  const config = `[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
[sync]
schedule = "0 0 1 1 *"
[scim]
listen = "127.0.0.1:0"
folder = "pushed"
token_file = "tokens"
[smtp]
listen = ["127.0.0.1:0"]
shutdown_timeout = "1s"
greeting_delay = "0ms"
max_recipients = 1000
[guard]
traffic = false
[limits]
harvest_delay_after = 0
harvest_hangup_after = 0
harvest_client_limit = 0
session_errors = 10000
[[route]]
domain = "*"
next_hop = "maildir:${folder}/mail"
[[source]]
name = "idp"
type = "scim"
url = "pushed"
`;
  writeFileSync(join(folder, "goodmailto.toml"), config);
  writeFileSync(join(folder, "tokens"), `# of the test\n${token}\n`, { mode: 0o600 });
  return folder;
}

describe("goodmailto scim", () => {
  it("keeps what it confirmed through a crash, and a joiner is published within 5 s", async () => {
    const folder = place();
    const first = start(folder, "scim");
    const base = await ready(first);
    const confirmed: string[] = [];
    const pushing = (async () => {
      for (let i = 0; i < 10_000; i += 1) {
        const answer = await push(base, `u${i}@kontor.example`).catch(() => undefined);
        if (answer?.status !== 201) {
          return;
        }
        confirmed.push(`u${i}@kontor.example`);
      }
    })();
    await expect.poll(() => confirmed.length, { timeout: 20_000 }).toBeGreaterThan(20);
    first.child.kill("SIGKILL");
    await pushing;
    const second = start(folder, "scim");
    const again = await ready(second);
    expect((await run(folder, "scim", "--complete"))[1]).toMatch(/^\d+ users and 0 groups are complete\./);
    expect(await run(folder, "sync")).toEqual([0, expect.stringContaining("published")]);
    const relay = start(folder, "serve");
    await expect.poll(relay.log, { timeout: 20_000 }).toContain("relay: ready");
    const client = await SmtpClient.open(Number(/listen=127\.0\.0\.1:(\d+)/.exec(relay.log())?.[1]));
    onTestFinished(() => client.close());
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@partner.example>");
    const answerTo = async (user: string): Promise<string | undefined> =>
      (await client.command(`RCPT TO:<${user}@kontor.example>`))?.slice(0, 3);
    expect(await answerTo("nobody")).toBe("550");
    expect(await answerTo(confirmed.at(-1)?.split("@")[0] ?? "")).toBe("250");
    const cron = start(folder, "sync", "--cron");
    await expect.poll(cron.log, { timeout: 20_000 }).toContain("sync: scheduled");
    // From the 201 to the relay's 250. Of three, since the machine may be busy with other tests.
    const seconds: number[] = [];
    for (const joiner of ["joiner", "second", "third"]) {
      expect(await answerTo(joiner)).toBe("550");
      expect((await push(again, `${joiner}@kontor.example`)).status).toBe(201);
      const from = performance.now();
      await expect.poll(() => answerTo(joiner), { timeout: 20_000, interval: 50 }).toBe("250");
      seconds.push((performance.now() - from) / 1000);
    }
    expect(seconds.toSorted((x, y) => x - y)[1]).toBeLessThan(5);
  }, 90_000);

  it("reads its tokens again at SIGHUP, and keeps the previous ones if they are wrong", async () => {
    const folder = place();
    const running = start(folder, "scim");
    const base = await ready(running);
    const hangUp = async (text: string, event: string): Promise<void> => {
      writeFileSync(join(folder, "tokens"), text);
      running.child.kill("SIGHUP");
      await expect.poll(running.log, { timeout: 10_000 }).toContain(event);
    };
    await hangUp("the-next-token-of-two\n", "scim: reloaded");
    expect((await push(base, "a@kontor.example")).status).toBe(401);
    expect((await push(base, "a@kontor.example", "the-next-token-of-two")).status).toBe(201);
    await hangUp("short\n", "reload failed, keeping the previous settings");
    expect((await push(base, "b@kontor.example", "the-next-token-of-two")).status).toBe(201);
    const config = readFileSync(join(folder, "goodmailto.toml"), "utf8");
    writeFileSync(join(folder, "goodmailto.toml"), config.replace("127.0.0.1:0", "127.0.0.1:1"));
    await hangUp(`${token}\n`, 'changed settings need a restart settings="[scim] listen"');
    running.child.kill("SIGTERM");
    expect(await once(running.child, "exit")).toEqual([0, null]);
  }, 60_000);

  it("takes two tokens while one replaces the other", async () => {
    const folder = place();
    const running = start(folder, "scim");
    const base = await ready(running);
    const reload = async (text: string): Promise<void> => {
      const before = running.log().split("scim: reloaded").length;
      writeFileSync(join(folder, "tokens"), text);
      running.child.kill("SIGHUP");
      await expect.poll(() => running.log().split("scim: reloaded").length, { timeout: 10_000 }).toBe(before + 1);
    };
    const statuses = async (user: string): Promise<number[]> => {
      const answers = [await push(base, `${user}1@kontor.example`), await push(base, `${user}2@kontor.example`, next)];
      return answers.map(({ status }) => status);
    };
    const next = "the-next-token-of-two";
    expect(await statuses("a")).toEqual([201, 401]);
    await reload(`${token}\n${next}\n`);
    expect(await statuses("b")).toEqual([201, 201]);
    await reload(`${next}\n`);
    expect(await statuses("c")).toEqual([401, 201]);
  }, 60_000);

  it("speaks TLS to a client that trusts its certificate, no plain HTTP, and takes a new certificate at SIGHUP", async () => {
    const folder = place();
    const authority = await createAuthority(folder);
    const stranger = await createAuthority(folder, "other");
    const first = await authority.issue("scim", "DNS:localhost,IP:127.0.0.1");
    const config = readFileSync(join(folder, "goodmailto.toml"), "utf8");
    const files = `cert = "${first.certificate}"\nkey = "${first.key}"\n`;
    writeFileSync(join(folder, "goodmailto.toml"), config.replace("[scim]\n", `[scim]\n${files}`));
    const running = start(folder, "scim");
    const base = await ready(running);
    const ask = async (ca: string, more: RequestOptions = {}): Promise<string> => {
      const asked = request(`${base.replace("http:", "https:")}/Users`, {
        ...{ ca: readFileSync(ca), agent: false, timeout: 10_000 },
        headers: { authorization: `Bearer ${token}` },
        ...more,
      });
      const responded = once(asked.end(), "response") as Promise<[IncomingMessage]>;
      const said = responded.then(
        ([response]) => [String(response.statusCode), (response.socket as TLSSocket).getPeerCertificate().serialNumber],
        (error: unknown) => [errorCode(error) ?? errorMessage(error)],
      );
      return (await said).join(" ");
    };
    const serial = /^200 (\w+)$/.exec(await ask(authority.ca))?.[1];
    expect(serial).toBeDefined();
    expect(await ask(authority.ca, { headers: {} })).toBe(`401 ${serial}`);
    expect(await ask(stranger.ca)).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(await ask(authority.ca, { servername: "mx.kontor.example" })).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await ask(authority.ca, { minVersion: "TLSv1", maxVersion: "TLSv1.1" })).toMatch(/PROTOCOL|VERSION|EPROTO/);
    // A plain client is hung up on, and no word of the request is read.
    await expect(push(base, "plain@kontor.example")).rejects.toThrow("fetch failed");
    const silent = connect(Number(new URL(base).port), "127.0.0.1");
    onTestFinished(() => void silent.destroy());
    await once(silent, "connect");
    await authority.issue("scim", "DNS:localhost,IP:127.0.0.1");
    running.child.kill("SIGHUP");
    await expect.poll(running.log, { timeout: 10_000 }).toContain("scim: reloaded");
    expect(await ask(authority.ca)).toMatch(/^200 /);
    expect(await ask(authority.ca)).not.toBe(`200 ${serial}`);
    expect(running.log()).not.toContain("plain@kontor.example");
  }, 60_000);

  it("says what is wrong with its settings, and nothing is complete before anybody was pushed", async () => {
    const broken = (from: string, to: string): string => {
      const folder = place();
      const file = join(folder, "goodmailto.toml");
      writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
      return folder;
    };
    const wanted = [
      [broken('token_file = "tokens"', ""), 78, "token_file is missing"],
      [broken('"tokens"', '"none"'), 78, 'none" cannot be read'],
      [broken("127.0.0.1:0", "*:0"), 78, "needs [scim] cert and key"],
      [broken("folder =", 'cert = "tokens"\nfolder ='), 78, "needs [scim] key too"],
    ] as const;
    for (const [folder, code, words] of wanted) {
      expect(await run(folder, "scim")).toEqual([code, expect.stringContaining(words)]);
    }
    expect(await run(place(), "scim", "--complete")).toEqual([69, expect.stringContaining("cannot open the store")]);
  }, 60_000);
});
