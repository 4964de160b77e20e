import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { askProgram } from "../../src/auth/backends/command.ts";
import { escapeFilterValue, parseFilter } from "../../sync/sources/filter.ts";
import { loginFilter } from "../../sync/sources/login.ts";
import { missing } from "../fakes/need.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { main } from "../program.ts";

const root = join(import.meta.dirname, "../..");

describe("login filter", () => {
  it("escapes what RFC 4515 reserves, and nothing gets out of its value", () => {
    expect(escapeFilterValue("a*b(c)\\d\0é")).toBe("a\\2ab\\28c\\29\\5cd\\00\\c3\\a9");
    expect(loginFilter("(|(uid=%u)(mail=%u))", "*)(uid=*")).toBe(
      "(|(uid=\\2a\\29\\28uid\\3d\\2a)(mail=\\2a\\29\\28uid\\3d\\2a))",
    );
    expect(loginFilter("(uid=%u)", "$&%u")).toBe("(uid=\\24\\26\\25u)");
    expect(() => loginFilter("(uid=alice)", "x")).toThrow(/no %u/);
    expect(() => loginFilter("uid=%u)(", "x")).toThrow(/not a search filter/);
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "binary" }), (user) => {
        const filter = parseFilter(loginFilter("(uid=%u)", user));
        expect(filter).toEqual({ kind: "equal", attribute: "uid", value: Buffer.from(user) });
      }),
    );
  });
});

const person = (uid: string, more: string): string =>
  `dn: uid=${uid},dc=kontor,dc=example\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n${more}\n`;

const ldif = [
  "dn: dc=kontor,dc=example\nobjectClass: dcObject\nobjectClass: organization\no: kontor\ndc: kontor\n",
  person("alice", "mail: alice@kontor.example\nuserPassword: geheim (1)\n"),
  person("bob", "mail: shared@kontor.example\nuserPassword: two\n"),
  person("carol", "mail: shared@kontor.example\nuserPassword: two\n"),
  person("nopassword", "mail: nopassword@kontor.example\n"),
  "dn: cn=search,dc=kontor,dc=example\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: search\nuserPassword: search secret\n",
].join("\n");

describe.skipIf(missing("slapd"))("goodmailto checkpassword", () => {
  let folder: string;
  let slapd: Slapd;
  let config: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-login-"));
    slapd = await startSlapd({
      suffix: "dc=kontor,dc=example",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif,
      database: [
        "access to attrs=userPassword by anonymous auth",
        'access to * by dn="cn=search,dc=kontor,dc=example" read',
      ],
    });
    writeFileSync(join(folder, "search.password"), "search secret\n", { mode: 0o600 });
    config = join(folder, "goodmailto.toml");
    const source = (name: string, url: string, password: string): string =>
      `[[source]]\nname = "${name}"\ntype = "ldap"\nurl = ["${url}"]\nbase = "dc=kontor,dc=example"\nbind_dn = "cn=search,dc=kontor,dc=example"\npassword_file = "${password}"\n`;
    writeFileSync(join(folder, "wrong.password"), "not it\n");
    writeFileSync(
      config,
      source("kontor", slapd.ldap, "search.password") +
        source("down", "ldap://127.0.0.1:1", "search.password") +
        source("locked-out", slapd.ldap, "wrong.password"),
    );
  });
  afterAll(async () => {
    await slapd?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const command = (...words: string[]): string[] => [
    process.execPath,
    main,
    "checkpassword",
    "--config",
    config,
    "--source",
    ...words,
  ];

  /** Runs the program with these bytes on descriptor 3. */
  async function run(bytes: string | undefined, ...words: string[]): Promise<{ code: number | null; errors: string }> {
    const [file = "", ...rest] = command(...words);
    const child = spawn(file, rest, { stdio: ["ignore", "ignore", "pipe", bytes === undefined ? "ignore" : "pipe"] });
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const pipe = child.stdio[3] as Writable | null;
    pipe?.on("error", () => undefined);
    pipe?.end(bytes);
    const [code] = (await once(child, "close")) as [number | null];
    return { code, errors };
  }

  it("takes the right password by uid and by address, and no other", async () => {
    const ok = { code: 0, errors: "" };
    const wrong = { code: 1, errors: expect.stringMatching(/^checkpassword: /) };
    const results = await Promise.all([
      run("alice\0geheim (1)\0stamp\0", "kontor"),
      run("alice@kontor.example\0geheim (1)\0", "kontor"),
      run("alice\0geheim\0stamp\0", "kontor"),
      run("alice\0\0stamp\0", "kontor"),
      run("\0geheim (1)\0stamp\0", "kontor"),
      run("nobody\0geheim (1)\0stamp\0", "kontor"),
      run("al*\0geheim (1)\0stamp\0", "kontor"),
      run("*)(uid=alice\0geheim (1)\0stamp\0", "kontor"),
      run("shared@kontor.example\0two\0stamp\0", "kontor"),
      run("nopassword\0x\0stamp\0", "kontor"),
    ]);
    expect(results).toEqual([ok, ok, ...Array.from({ length: 8 }, () => wrong)]);
    expect(results.map(({ errors }) => errors).join("")).not.toContain("geheim");
    expect(results[8]?.errors).toContain("more than one entry");
  });

  it("says 111 where the directory cannot say, and 2 where it is called in a wrong way", async () => {
    const login = "alice\0geheim (1)\0stamp\0";
    const codes = await Promise.all([
      run(login, "down"),
      run(login, "locked-out"),
      run(login, "no-such-source"),
      run("alice\0geheim (1)", "kontor"),
      run(undefined, "kontor"),
      run(`${"x".repeat(5000)}\0y\0`, "kontor"),
      run(login, "kontor", "--filter", "(uid=alice)"),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([111, 111, 111, 2, 2, 2, 2]);
    expect(codes.map(({ errors }) => errors).join("")).not.toMatch(/geheim|search secret/);
  });

  it("becomes the program behind it when the password is right", async () => {
    const seen = join(folder, "seen");
    const program = [
      "sh",
      "-c",
      `echo "$USER $1 $(ls /proc/self/fd | tr '\\n' ' ')" > ${seen}; exit 7`,
      "sh",
      "--config",
    ];
    expect((await run("alice\0wrong\0stamp\0", "kontor", ...program)).code).toBe(1);
    expect(existsSync(seen)).toBe(false);
    expect((await run("alice\0geheim (1)\0stamp\0", "kontor", ...program)).code).toBe(7);
    expect(readFileSync(seen, "utf8")).toMatch(/^alice --config 0 1 2/);
    expect((await run("alice\0geheim (1)\0stamp\0", "kontor", "/nowhere/at/all")).code).toBe(111);
  });

  it("answers the relay's back end, also where an older Node starts it", async () => {
    const login = { user: "alice", password: "geheim (1)", ip: "192.0.2.1" };
    const [, , ...words] = command("kontor");
    const launcher = [join(root, "src/goodmailto.js"), ...words];
    const late = (): AbortSignal => AbortSignal.timeout(20_000);
    expect(await askProgram(launcher, login, late())).toEqual({ kind: "accepted" });
    expect(await askProgram(launcher, { ...login, password: "no" }, late())).toEqual({
      kind: "refused",
    });
    expect(await askProgram(command("down"), login, late())).toMatchObject({
      kind: "unavailable",
      why: expect.stringContaining("Cannot connect"),
    });
  });
});
