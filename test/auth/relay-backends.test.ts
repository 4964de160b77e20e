/** Logins through a real relay, as its clients see the back ends: 235, 535, 454, and CRAM-MD5. */
import { createHmac } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";

import { md5Crypt } from "../../src/auth/backends/md5-crypt.ts";
import { makeHash } from "../../src/auth/backends/scrypt.ts";
import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { base64, beginTls, plain, probeConfig, probeFiles } from "../smtp/tls-fixture.ts";
import { vpopmailTable } from "./backends/vpopmail.ts";

const own = makeSelfSigned(["mx.kontor.example", "127.0.0.1"], { from: new Date(Date.now() - 3_600_000), days: 30 });
const secrets = { alice: "geheim-4711", bob: "clear-0815-pass" };

const yes = "235 2.7.0 Authentication successful";
const no = "535 5.7.8 Authentication credentials invalid";
const later = "454 4.7.0 Temporary authentication failure";

const plainUsers = `bob@kontor.example:{PLAIN}${secrets.bob}\n`;

/** vpopmail's table: alice by her hash alone, bob by his clear password. */
function usersFile(): Buffer {
  const database = new Database(":memory:");
  database.exec(vpopmailTable);
  const add = database.prepare("INSERT INTO vpopmail VALUES (?, 'kontor.example', ?, ?)");
  add.run("alice", md5Crypt(secrets.alice, "abcdefgh"), "");
  add.run("bob", "", secrets.bob);
  const bytes = database.serialize();
  database.close();
  return bytes;
}

describe("back ends behind AUTH", () => {
  let relay: TestRelay | undefined;
  const clients: SmtpClient[] = [];
  afterEach(async () => {
    clients.splice(0).forEach((client) => client.close());
    await relay?.stop();
    const log = relay?.log.join("\n") ?? "";
    expect(Object.values(secrets).filter((secret) => log.includes(secret) || log.includes(base64(secret)))).toEqual([]);
  });

  const config = (auth: string, rest = ""): string =>
    `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[auth]\nfailure_delay = "10ms"\n${auth}\n${rest}\n[log]\nlevel = "debug"\n${probeConfig}
[[listener]]\nname = "submission"\nlisten = ["127.0.0.1:0"]\nauth = true\n`;
  const sql = '[auth.sql]\nurl = "sqlite:{folder}/users.sqlite"\n';

  async function start(text: string): Promise<void> {
    const files = {
      ...probeFiles,
      "cert.pem": own.certificate,
      "key.pem": own.key,
      "users.sqlite": usersFile(),
      users: plainUsers,
    };
    relay = await startTestRelay({ config: text, files });
  }
  async function begin(): Promise<{ client: SmtpClient; features: string }> {
    const begun = await beginTls(relay?.port ?? 0);
    clients.push(begun.client);
    return begun;
  }
  async function login(user: string, password: string): Promise<string> {
    const { client } = await begin();
    return (await client.command(`AUTH PLAIN ${plain(user, password)}`)) ?? "";
  }
  async function challenged(client: SmtpClient): Promise<string> {
    const reply = (await client.command("AUTH CRAM-MD5")) ?? "";
    return Buffer.from(reply.slice(4), "base64").toString();
  }
  async function proof(user: string, password: string, more = ""): Promise<string> {
    const { client } = await begin();
    const challenge = await challenged(client);
    expect(challenge).toMatch(/^<[^<>@]+@mx\.kontor\.example>$/);
    const digest = createHmac("md5", password).update(challenge).digest("hex");
    return (await client.command(base64(`${user} ${digest}${more}`))) ?? "";
  }

  it("sql: lets in who is in vpopmail's table, by an alias domain too, and nobody else", async () => {
    await start(config("", sql));
    expect(await login("alice@kontor.example", secrets.alice)).toBe(yes);
    expect(await login("Alice@Kontor.Test", secrets.alice)).toBe(yes);
    expect(await login("bob@kontor.example", secrets.bob)).toBe(yes);
    expect(await login("alice@kontor.example", "wrong")).toBe(no);
    expect(await login("nobody@kontor.example", secrets.alice)).toBe(no);
    expect(await login("alice", secrets.alice)).toBe(no);
    expect(await login("' OR 1=1", secrets.alice)).toBe(no);
    expect(await login("x' OR '1'='1@kontor.example", secrets.alice)).toBe(no);
  });

  it("says 454 while the database is away, also for a wrong password, and 235 from another back end", async () => {
    const command = 'command = ["/bin/false"]\n';
    await start(config(command, sql));
    const file = join(relay?.folder ?? "", "users.sqlite");
    renameSync(file, `${file}.away`);
    expect(await login("alice@kontor.example", secrets.alice)).toBe(later);
    expect(relay?.log.join("\n")).toMatch(/auth: back end is unavailable .*sql: /);
    relay?.reload(config('command = ["/bin/true"]\n', sql));
    expect(await login("alice@kontor.example", "anything")).toBe(yes);
    expect(relay?.log.join("\n")).toMatch(/auth: back end is unavailable, another one accepted .*sql: /);
    renameSync(`${file}.away`, file);
    expect(await login("alice@kontor.example", "anything")).toBe(no);
  });

  it("offers CRAM-MD5 where it is configured, and takes it from users with a clear password", async () => {
    await start(config('mechanisms = ["PLAIN", "CRAM-MD5"]\n', sql));
    const { features, client } = await begin();
    expect(features).toContain("250 AUTH PLAIN CRAM-MD5");
    expect(await client.command("AUTH LOGIN")).toBe("504 5.5.4 Unknown authentication method");
    expect(await client.command("AUTH CRAM-MD5 YWJj")).toMatch(/^501 /);
    expect(await client.command("AUTH CRAM-MD5")).toMatch(/^334 /);
    expect(await client.command("*")).toMatch(/^501 /);
    expect(await proof("bob@kontor.example", secrets.bob)).toBe(yes);
    expect(await proof("bob@kontor.example", "wrong")).toBe(no);
    expect(await proof("alice@kontor.example", secrets.alice)).toBe(no);
    expect(await proof("nobody@kontor.example", secrets.bob)).toBe(no);
    expect(await proof("bob@kontor.example", secrets.bob, "x")).toMatch(/^501 /);
    expect(await proof("", secrets.bob)).toMatch(/^501 /);
  });

  it("offers CRAM-MD5 with a password file of {PLAIN} lines, and not with one hash in it", async () => {
    const text = config('mechanisms = ["PLAIN", "CRAM-MD5"]\npasswords = "users"\n');
    await start(text);
    expect((await begin()).features).toContain("250 AUTH PLAIN CRAM-MD5");
    expect(await proof("bob@kontor.example", secrets.bob)).toBe(yes);
    expect(await proof("bob@kontor.example", "wrong")).toBe(no);
    expect(await proof("nobody@kontor.example", secrets.bob)).toBe(no);
    expect(await login("bob@kontor.example", secrets.bob)).toBe(yes);
    const hash = await makeHash(secrets.alice);
    const file = join(relay?.folder ?? "", "users");
    writeFileSync(file, `alice:${hash}\n${plainUsers}`);
    // The running relay takes the new line, but has no password to compare a proof with.
    expect([await login("alice", secrets.alice), await proof("alice", secrets.alice)]).toEqual([yes, no]);
    expect(() => relay?.reload(text)).toThrow(/CRAM-MD5 needs every password in clear, and ".*users" holds hashes/);
    renameSync(file, `${file}.away`);
    expect(await proof("bob@kontor.example", secrets.bob)).toBe(later);
  });

  it("takes an answer to a challenge only once", async () => {
    await start(config('mechanisms = ["CRAM-MD5"]\n', sql));
    const { client } = await begin();
    const challenge = await challenged(client);
    const answer = base64(`bob@kontor.example ${createHmac("md5", secrets.bob).update(challenge).digest("hex")}`);
    expect(await client.command(answer)).toBe(yes);
    const other = (await begin()).client;
    await other.command("AUTH CRAM-MD5");
    expect(await other.command(answer)).toBe(no);
    expect(await other.command(`AUTH PLAIN ${plain("bob@kontor.example", secrets.bob)}`)).toMatch(/^504 /);
  });

  it("does not offer it unless asked, and not where a back end has only hashes", async () => {
    await start(config("", sql));
    expect((await begin()).features).toContain("250 AUTH PLAIN LOGIN");
    const cram = 'mechanisms = ["CRAM-MD5"]\n';
    const hashes = 'query = "SELECT pw_passwd AS crypt FROM vpopmail WHERE pw_name = ? AND pw_domain = ?"\n';
    expect(() => relay?.reload(config(cram, `${sql}${hashes}`))).toThrow(/"sql" of \[auth\] does not hold them/);
    expect(() => relay?.reload(config(`${cram}command = ["/bin/true"]\n`, sql))).toThrow(
      /"command" of \[auth\] does not hold them/,
    );
    expect(() => relay?.reload(config("mechanisms = []\n", sql))).toThrow(/must name a method/);
  });
});
