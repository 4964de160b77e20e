/** Whole runs of the sync over Microsoft Graph and Google: what every guard makes of a tenant that misbehaves. */
import { execFile, execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { runDelta } from "../../sync/run/delta.ts";
import type { Source } from "../../sync/source.ts";
import { type GoogleServer, serviceAccount, startGoogleServer, subject } from "../fakes/google-server.ts";
import {
  clientId,
  clientSecret,
  type GraphObject,
  type GraphServer,
  startGraphServer,
  tenant,
} from "../fakes/graph-server.ts";
import { main } from "../program.ts";
import { listSource, memoryLog, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { source } from "./reading.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

let graph: GraphServer;
let google: GoogleServer;
let folder: string;
let path: string;
beforeEach(async () => {
  graph = await startGraphServer();
  google = await startGoogleServer(publicKey);
  folder = temporaryFolder();
  path = join(folder, "snapshot.sqlite");
  writeFileSync(join(folder, "secret"), `${clientSecret}\n`, { mode: 0o600 });
  writeFileSync(
    join(folder, "key.json"),
    JSON.stringify({
      type: "service_account",
      client_email: serviceAccount,
      private_key_id: "key-1",
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    }),
    { mode: 0o600 },
  );
  graph.objects.users = Array.from({ length: 250 }, (_, i) => person(`e${i}`));
  google.objects.users = Array.from({ length: 250 }, (_, i) => ({ id: `g${i}`, primaryEmail: `g${i}@kontor.example` }));
});
afterEach(async () => {
  await graph.stop();
  await google.stop();
});

function person(name: string): GraphObject {
  const mail = `${name}@kontor.example`;
  return { id: `id-${name}`, userPrincipalName: mail, mail, proxyAddresses: [`SMTP:${mail}`], assignedLicenses: [{}] };
}

function sources(): Source[] {
  const app = { tenant, client_id: clientId, client_secret_file: "secret" };
  return [
    source({ name: "entra", type: "graph", url: [graph.url], ...app }, undefined, folder),
    source({ name: "google", type: "google", url: [google.url], key_file: "key.json", subject }, undefined, folder),
    listSource("list", ["postmaster@kontor.example"]),
  ];
}

function has(name: string): boolean {
  const reader = openSnapshot(path, silentLog);
  const row = reader.image?.findAddress(`${name}@kontor.example`);
  reader.close();
  return row?.gone === 0;
}

describe("a sync of Entra ID and Google Workspace", () => {
  it("keeps the addresses of a tenant that breaks off, and takes what the others have", async () => {
    await publish(path, sources());
    google.objects.users.push({ id: "neu", primaryEmail: "neu@kontor.example" });
    graph.objects.users = graph.objects.users.slice(0, 120);
    graph.trick = ({ url }) =>
      url.searchParams.has("$skiptoken") ? { body: { value: [person("x")] }, cutAfter: 30 } : undefined;
    const log = memoryLog();
    expect(await sync(path, sources(), { log })).toMatchObject({
      kind: "published",
      facts: { addresses: 502, frozen: [{ name: "entra", fault: expect.stringMatching(/in the middle|not one/) }] },
    });
    expect(["e249", "neu", "g249"].map(has)).toEqual([true, true, true]);
    expect(log.lines.filter(({ event }) => event === "source failed")).toMatchObject([
      { level: "error", fields: { source: "entra", reason: "incomplete" } },
    ]);
  });

  it.each(["graph", "google"] as const)("publishes no list that lost too much: %s", async (which) => {
    await publish(path, sources());
    const users = which === "graph" ? graph.objects.users : google.objects.users;
    users.splice(150);
    expect(await sync(path, sources())).toMatchObject({
      kind: "refused",
      reasons: [expect.stringMatching(/lost 100/), expect.anything()],
    });
    users.splice(0);
    expect((await sync(path, sources())).kind).toBe("refused");
    expect(["e249", "g249"].map(has)).toEqual([true, true]);
  });

  it("publishes nothing while a tenant was never read", async () => {
    graph.trick = () => ({ status: 503, headers: { "retry-after": "9999" } });
    expect(await sync(path, sources())).toMatchObject({ kind: "failed", why: expect.stringContaining("entra") });
  });

  it("adds by delta links what is new, removes nothing, and starts over where the token has expired", async () => {
    await publish(path, sources());
    graph.objects.users.splice(100, 1);
    graph.add("users", person("neu"));
    const options = {
      sources: sources(),
      settings: { max_shrink: 0.1, keep: 3 },
      path,
      log: memoryLog(),
      signal: AbortSignal.timeout(20_000),
      now: Date.now,
      version: "0",
    };
    expect(await runDelta(options)).toMatchObject({ kind: "published", facts: { added: 1, removed: 0 } });
    expect(["neu", "e100"].map(has)).toEqual([true, true]);
    expect((await runDelta(options)).kind).toBe("nothing");
    graph.objects.users.push(person("neuer"));
    graph.forget();
    expect(await runDelta(options)).toMatchObject({ kind: "published", facts: { added: 1, removed: 0 } });
    expect(has("neuer")).toBe(true);
    await publish(path, sources());
    expect(["neuer", "e100"].map(has)).toEqual([true, false]);
  });
});

describe("verbs over Entra ID and Google Workspace", { timeout: 60_000 }, () => {
  const run = (...words: string[]): Promise<string> =>
    new Promise((resolve) => {
      execFile(process.execPath, [main, ...words, "-c", join(folder, "c.toml")], (error, stdout, stderr) =>
        resolve(`${String(error?.code ?? 0)} ${stdout}${stderr}`),
      );
    });
  const configure = (): void =>
    writeFileSync(
      join(folder, "c.toml"),
      `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "${path}"
[sync]\ndelta = "1m"
[[source]]\nname = "entra"\ntype = "graph"\nurl = "${graph.url}"
tenant = "${tenant}"\nclient_id = "${clientId}"\nclient_secret_file = "secret"
[[source]]\nname = "google"\ntype = "google"\nurl = "${google.url}"\nkey_file = "key.json"\nsubject = "${subject}"\n`,
    );

  it("show what is read and left out, and never a secret", async () => {
    configure();
    graph.objects.users.push({ ...person("svc"), mail: null, proxyAddresses: [], assignedLicenses: [] });
    graph.objects.users.push({ id: "gast", userPrincipalName: "g_x.example#EXT#@kontor.example", mail: null });
    graph.trick = ({ url }) => (url.pathname.includes("contacts") ? { status: 403 } : undefined);
    const probe = await run("probe");
    expect(probe).toMatch(/252 entries, 250 addresses/);
    expect(probe).toContain('mailbox "none" of user svc@kontor.example');
    expect(probe).toMatch(/1 name of a guest/);
    expect(probe).toMatch(/WARNING: contacts are left out: .*OrgContact\.Read\.All/);
    const dry = await run("sync", "--dry-run");
    expect(dry).toMatch(/^0 \+ e0@kontor\.example/);
    expect(dry).toMatch(/left out: 1 no mailbox/);
    expect(dry).toMatch(/would publish 500 addresses/);
    expect(await run("sync")).toMatch(/^0 published 500 addresses/);
    expect(await run("explain", "e7@kontor.example")).toMatch(/source "entra", entry "user e7@kontor\.example"/);
    graph.trick = ({ url, form }) =>
      url.pathname.endsWith("/token")
        ? { status: 400, body: { error: "x", error_description: form.toString() } }
        : undefined;
    google.trick = ({ headers }) => ({ status: 400, body: { error: { message: JSON.stringify(headers) } } });
    const failed = await run("sync");
    expect(failed).toMatch(/source failed source=entra reason=bind/);
    for (const text of [probe, dry, failed]) {
      expect(text).not.toContain("Not.For.Logs");
      expect(text).not.toMatch(/eyJ|PRIVATE|ya29/);
    }
    expect(readFileSync(path).includes(clientSecret)).toBe(false);
  });

  /** The blocks of a page in one language, in order. */
  const blocksOf = (page: string, language: string): string[] =>
    [
      ...readFileSync(join(import.meta.dirname, "../../docs", page), "utf8").matchAll(/^```(\w+)\n(.*?)^```/gms),
    ].flatMap(([, word, block = ""]) => (word === language ? [block] : []));
  /** The commands of the page with which a reader tries the source. */
  const commandsOf = (page: string): string[][] =>
    blocksOf(page, "sh")
      .filter((block) => block.startsWith("goodmailto config check"))
      .flatMap((block) => block.trim().split("\n"))
      .map((line) => line.split(" ").slice(1));

  it("work as docs/entra-id.md and docs/google-workspace.md say: certificate, key file, configuration, commands", async () => {
    execFileSync("sh", ["-e"], { cwd: folder, input: blocksOf("entra-id.md", "sh")[0], stdio: "pipe" });
    graph.certificate = new X509Certificate(readFileSync(join(folder, "entra.crt")));
    const key = readFileSync(join(folder, "key.json"), "utf8");
    const [install = ""] = blocksOf("google-workspace.md", "sh");
    execFileSync("sh", ["-e"], { cwd: folder, input: install, env: { ...process.env, EDITOR: "true" } });
    writeFileSync(join(folder, "google-key.json"), key);
    google.subject = "directory-reader@kontor.example";
    for (const [page, type, url] of [
      ["entra-id.md", "graph", graph.url],
      ["google-workspace.md", "google", google.url],
    ] as const) {
      const text = blocksOf(page, "toml").join("\n").replace(`type = "${type}"`, `type = "${type}"\nurl = "${url}"`);
      writeFileSync(join(folder, "c.toml"), `${text}\n[snapshot]\npath = "none.sqlite"\n`);
      const commands = commandsOf(page);
      expect(commands).toEqual([["config", "check"], ["probe"], ["sync", "--dry-run"]]);
      const [check, probe, dry] = await Promise.all(commands.map((words) => run(...words)));
      expect(check).toMatch(/^0 .*no errors/);
      expect(check).not.toContain('source "');
      expect(probe).toMatch(/^0 .*250 entries, 250 addresses/s);
      expect(dry).toMatch(/would publish 250 addresses/);
    }
  });

  it("warn of secrets that everybody may read, and of settings of another type", async () => {
    configure();
    expect(await run("config", "check")).not.toContain('source "');
    chmodSync(join(folder, "secret"), 0o644);
    chmodSync(join(folder, "key.json"), 0o644);
    writeFileSync(
      join(folder, "c.toml"),
      `${readFileSync(join(folder, "c.toml"), "utf8")}filter = "(mail=*)"\ntenant = "x"\n`,
    );
    const said = await run("config", "check");
    expect(said).toMatch(
      /c\.toml:\d+:1: source "entra" client_secret_file: ".*secret" can be read by every user: chmod o=/,
    );
    expect(said).toMatch(/source "google" key_file: ".*key\.json" can be read by every user/);
    expect(said).toMatch(/source "google" filter: has no effect: type is "google"/);
    expect(said).toMatch(/source "google" tenant: has no effect: type is "google"/);
    writeFileSync(join(folder, "key.json"), "{}");
    expect(await run("config", "check")).toMatch(
      /^78 .*c\.toml:\d+:1: source "google" key_file: "key\.json" is not the key of a service account/,
    );
  });
});
