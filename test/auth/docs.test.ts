import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeHash } from "../../src/auth/backends/scrypt.ts";
import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { missing } from "../fakes/need.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { beginTls, plain } from "../smtp/tls-fixture.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/submission.md"), "utf8");

/** The page's TOML blocks, in order, on this machine's paths and free ports. */
const blocks = [...page.matchAll(/```toml\n([^`]*)```/g)].map(([, text = ""]) =>
  text.replaceAll("/opt/goodmailto", root).replace(/listen = \["0\.0\.0\.0:\d+"\]/g, 'listen = ["127.0.0.1:0"]'),
);
const [example = ""] = blocks;
const directory = blocks.find((text) => text.includes('"checkpassword"')) ?? "";
const source = blocks.find((text) => text.startsWith("[[source]]")) ?? "";

/** The client rules as the page's commands write them. */
function writtenRules(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-page-"));
  const commands = page.split("\n").filter((line) => line.startsWith("printf '%s"));
  execFileSync("sh", ["-ec", commands.join("\n")], { cwd: folder, timeout: 10_000 });
  const texts = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  rmSync(folder, { recursive: true });
  return texts;
}

const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
const files = {
  "mx.pem": own.certificate,
  "mx.key": own.key,
  ...writtenRules(),
};

describe("docs/submission.md", () => {
  it("holds the example, the directory's two files and a program", () => {
    expect([example, directory, source].every((text) => text !== "")).toBe(true);
    expect(blocks.at(-1)).toContain("/bin/checkpassword");
    expect(existsSync(join(root, "config/spp/msaplugins"))).toBe(true);
  });

  it("has an example that works", async () => {
    const passwords = `alice@kontor.example:${await makeHash("open sesame")}\n`;
    const relay = await startTestRelay({ config: example, files: { ...files, passwords } });
    const { client, features } = await beginTls(relay.ports[1] ?? 0);
    expect(features).toContain("AUTH PLAIN LOGIN");
    expect(await client.command("MAIL FROM:<alice@kontor.example>")).toBe("530 5.7.0 Authentication required");
    expect(page).toContain(plain("alice@kontor.example", "open sesame"));
    expect(await client.command(`AUTH PLAIN ${plain("alice@kontor.example", "open sesame")}`)).toMatch(/^235 2\.7\.0/);
    expect(await client.command("MAIL FROM:<alice@kontor.example>")).toMatch(/^250 /);
    client.close();
    await relay.stop();
    // Once: the plugins file of the page has no second authlogger.
    expect(relay.log.filter((line) => line.includes("alice@kontor.example") && line.includes("authlogger"))).toEqual([
      expect.stringMatching(/authlogger: host: \S+ ip: 127\.0\.0\.1 user: alice@kontor\.example method: plain/),
    ]);
  });

  describe.skipIf(missing("slapd"))("with a directory", () => {
    let slapd: Slapd;
    beforeAll(async () => {
      slapd = await startSlapd({
        suffix: "dc=kontor,dc=example",
        schemas: ["core", "cosine", "inetorgperson"],
        ldif: [
          "dn: dc=kontor,dc=example\nobjectClass: dcObject\nobjectClass: organization\no: kontor\ndc: kontor\n",
          "dn: ou=people,dc=kontor,dc=example\nobjectClass: organizationalUnit\nou: people\n",
          "dn: uid=alice,ou=people,dc=kontor,dc=example\nobjectClass: inetOrgPerson\nuid: alice\ncn: a\nsn: a\nmail: alice@kontor.example\nuserPassword: open sesame\n",
          "dn: cn=login search,dc=kontor,dc=example\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: login search\nuserPassword: only search\n",
        ].join("\n"),
        database: [
          "access to attrs=userPassword by anonymous auth",
          'access to * by dn="cn=login search,dc=kontor,dc=example" read',
        ],
      });
    });
    afterAll(() => slapd?.stop());

    it("logs in by the directory, and says 454 when it is away", async () => {
      const config = example.replace(
        /\[auth\]\n.*\n/,
        directory.replace("/etc/goodmailto/login.toml", "{folder}/login.toml"),
      );
      const login = source.replace("ldaps://192.0.2.10", slapd.ldap).replace(/^ca_file.*\n/m, "");
      const relay = await startTestRelay({
        config,
        files: { ...files, "login.toml": login, "login-search.password": "only search\n" },
      });
      const { client } = await beginTls(relay.ports[1] ?? 0);
      const auth = (password: string): Promise<string | undefined> =>
        client.command(`AUTH PLAIN ${plain("alice@kontor.example", password)}`);
      expect(await auth("wrong one")).toMatch(/^535 /);
      copyFileSync(join(relay.folder, "login.toml"), join(relay.folder, "kept.toml"));
      writeFileSync(join(relay.folder, "login.toml"), login.replace(slapd.ldap, "ldap://127.0.0.1:1"));
      expect(await auth("open sesame")).toMatch(/^454 /);
      copyFileSync(join(relay.folder, "kept.toml"), join(relay.folder, "login.toml"));
      expect(await auth("open sesame")).toMatch(/^235 /);
      client.close();
      await relay.stop();
      const log = relay.log.join("\n");
      expect(log).toMatch(
        /back end is unavailable .*temporary failure \(exit 111\): checkpassword: Cannot connect to ldap:\/\/127\.0\.0\.1:1/,
      );
      expect(log).not.toMatch(/open sesame|wrong one|only search/);
    });
  });
});
