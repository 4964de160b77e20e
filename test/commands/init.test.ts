/** `goodmailto init` with a real directory and a next hop: what it writes, tries, says, and leaves alone. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { loadConfig } from "../../src/config/load.ts";
import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { inTerminal } from "../fakes/terminal.ts";
import { main } from "../program.ts";

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** Runs a program to its end, with this on its standard input. */
async function run(words: readonly string[], input = ""): Promise<Ended> {
  const [program = "", ...rest] = words;
  const child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  let said = "";
  child.stdout.on("data", (text: Buffer) => (said += text.toString()));
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  child.stdin.on("error", () => undefined).end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, said })));
}

const goodmailto = (...words: readonly string[]): string[] => [process.execPath, main, ...words];

describe.skipIf(missing("slapd"))("goodmailto init", () => {
  let slapd: Slapd;
  let hop: NextHop;
  let folder = "";
  beforeAll(async () => {
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: `dn: o=Kontor
objectClass: organization
o: Kontor

dn: cn=Vera Yildiz,o=Kontor
objectClass: inetOrgPerson
cn: Vera Yildiz
sn: Yildiz
mail: vera@kontor.example
`,
    });
    hop = await startNextHop({ recipients: {} });
  });
  afterAll(async () => {
    await slapd?.stop();
    await hop?.close();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-init-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const answers = (more: Readonly<Record<string, string>> = {}): string[] =>
    Object.entries({
      folder,
      url: slapd.ldap,
      preset: "openldap",
      base: "o=Kontor",
      "bind-dn": slapd.rootDn,
      "password-file": "-",
      domain: "kontor.example",
      "next-hop": `smtp://127.0.0.1:${hop.port}`,
      ...more,
    }).flatMap(([name, value]) => [`--${name}`, value]);

  it("writes a configuration that is right, tries what it names, and says what to do next", async () => {
    const { code, said } = await run(goodmailto("init", ...answers()), `${slapd.rootPassword}\n`);
    expect(said).toContain("directory: 1 entries, 1 addresses\n");
    expect(said).toContain("mail server: answers, and answers 250 to an unknown recipient\n");
    expect(said).toContain("What to do next:\n  goodmailto probe");
    expect(code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual([
      "goodmailto.toml",
      "ldap-password",
      "run",
      "state",
      "tcp.smtp",
      "web-token",
    ]);
    for (const name of ["ldap-password", "web-token"]) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
    expect(said).not.toContain(slapd.rootPassword);
    const token = readFileSync(join(folder, "web-token"), "utf8");
    expect(token).toMatch(/^[\da-f]{40}\n$/);
    expect(said).toContain(`http://127.0.0.1:8996/\nLog in with this token;`);
    expect(said.split(token.trim()).length).toBe(2);
    const path = join(folder, "goodmailto.toml");
    const loaded = loadConfig(path, schemaFor, ["relay", "sync"]);
    expect(loaded.kind === "ok" ? loaded.settings : loaded.faults).toMatchObject({
      recipients: { mode: "observe" },
      smtp: { listen: ["*:25"] },
      clients: { rules: join(folder, "tcp.smtp") },
      trace: { keep: 30 * 86_400_000 },
      web: { listen: "127.0.0.1:8996", token_file: join(folder, "web-token") },
    });
    expect(await run(goodmailto("sync", "-c", path))).toMatchObject({ code: 0 });
    const { said: checked } = await run(goodmailto("config", "check", "-c", path));
    expect(checked.match(/^warning: .*$/gm)).toEqual([expect.stringContaining("no certificate")]);
    expect((await run(goodmailto("check", "-c", path, "vera@kontor.example"))).said).toContain("accepted");
  });

  it("overwrites nothing, but fills the empty password file of a package", async () => {
    writeFileSync(join(folder, "ldap-password"), "", { mode: 0o600 });
    writeFileSync(join(folder, "tcp.smtp"), ":allow\n");
    expect((await run(goodmailto("init", ...answers()), `${slapd.rootPassword}\n`)).code).toBe(0);
    expect(readFileSync(join(folder, "ldap-password"), "utf8")).toBe(`${slapd.rootPassword}\n`);
    expect(readFileSync(join(folder, "tcp.smtp"), "utf8")).toBe(":allow\n");
    const before = readFileSync(join(folder, "goodmailto.toml"), "utf8");
    expect(before).toContain("kontor.example");
    const again = await run(goodmailto("init", ...answers({ domain: "other.example" })), "other\n");
    expect(again).toEqual({ code: 2, said: expect.stringContaining("is there already; nothing was written") });
    rmSync(join(folder, "goodmailto.toml"));
    const taken = await run(goodmailto("init", ...answers()), "other\n");
    expect(taken).toEqual({ code: 2, said: expect.stringMatching(/ldap-password.*EEXIST.*nothing was written/s) });
    expect(readdirSync(folder).sort()).toEqual(["ldap-password", "run", "state", "tcp.smtp", "web-token"]);
  });

  it("names what is missing, and what cannot be right, and writes nothing", async () => {
    expect(await run(goodmailto("init", "--folder", folder, "--url", slapd.ldap))).toEqual({
      code: 2,
      said: "goodmailto: missing: --bind-dn, --preset, --domain, --next-hop\n",
    });
    expect(await run(goodmailto("init", ...answers()))).toEqual({
      code: 2,
      said: "goodmailto: no password; see --password-file\n",
    });
    for (const [name, value] of [
      ["url", "http://directory.example"],
      ["url", "ldap://"],
      ["url", "ldaps://directory.example:99999"],
      ["next-hop", "nowhere"],
      ["web", "0.0.0.0:8996"],
      ["journal", "forever"],
    ] as const) {
      const wrong = await run(goodmailto("init", ...answers({ [name]: value })), "x\n");
      expect(wrong.said).toMatch(/^\S+goodmailto\.toml:\d+:\d+: .*(?:must be|allowed:|needs) /);
      expect(wrong.code).toBe(78);
      expect(wrong.said).toMatch(/goodmailto: nothing was written\n$/);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it("writes, and says what did not answer", async () => {
    const nobody = `smtp://127.0.0.1:${await freePort()}`;
    const wrong = await run(goodmailto("init", ...answers({ "next-hop": nobody })), "wrong\n");
    expect(wrong.code).toBe(1);
    expect(wrong.said).toMatch(/directory: .*(?:bind|password|credentials)/i);
    expect(wrong.said).toMatch(/mail server: Cannot connect to .*ECONNREFUSED/);
    expect(readdirSync(folder)).toContain("goodmailto.toml");
  });

  it("refuses at once in a trial that nobody else reaches; says where the next hop refuses unknown recipients", async () => {
    const strict = await startNextHop({ answers: { rcpt: "550 5.1.1 who" } });
    try {
      const { said } = await run(
        goodmailto(
          "init",
          "--trial",
          ...answers({ "next-hop": `smtp://127.0.0.1:${strict.port}`, web: "", journal: "0s" }),
        ),
        `${slapd.rootPassword}\n`,
      );
      expect(said).toContain("mail server: answers, and refuses unknown recipients itself");
      expect(said).toContain("A trial: only this machine reaches it.");
      expect(readdirSync(folder)).not.toContain("web-token");
      const loaded = loadConfig(join(folder, "goodmailto.toml"), schemaFor, ["relay", "sync"]);
      expect(loaded.kind === "ok" ? loaded.settings : loaded.faults).toMatchObject({
        recipients: { mode: "enforce" },
        smtp: { listen: ["127.0.0.1:2525"] },
        clients: { rules: "" },
        trace: { keep: 0 },
        web: { listen: "" },
      });
    } finally {
      await strict.close();
    }
  });

  it.skipIf(missing("python3"))("asks at a terminal for what the command line does not say", async () => {
    const answered = [
      ["Kind of directory", "opnldap"],
      ["one of these words [openldap]", ""],
      ["Directory [", slapd.ldap],
      ["Base DN", "o=Kontor"],
      ["Bind DN", slapd.rootDn],
      ["Domains", "kontor.example, kontor.test"],
      ["Internal mail server", `smtp://127.0.0.1:${hop.port}`],
      ["Status page", "none"],
      ["How long to keep", "7d"],
      ["Password of", slapd.rootPassword],
    ] as const;
    const steps = answered.map(([asked, answer]) => [asked, `${answer}\r`] as const);
    const { code, said } = await inTerminal(goodmailto("init", "--folder", folder), steps);
    expect(said).toContain("directory: 1 entries, 1 addresses");
    expect(said).not.toContain(slapd.rootPassword);
    expect(code).toBe(0);
    const text = readFileSync(join(folder, "goodmailto.toml"), "utf8");
    expect(text).toContain('relay = ["kontor.example", "kontor.test"]');
    expect(text).toContain('keep = "7d"');
    expect(text).not.toContain("[web]");
  });
});
