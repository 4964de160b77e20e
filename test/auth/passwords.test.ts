import { execFile, spawn } from "node:child_process";
import { scryptSync } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { parsePasswords, PasswordFile } from "../../src/auth/backends/passwords.ts";
import { parseHash } from "../../src/auth/backends/scrypt.ts";
import { inTerminal } from "../fakes/terminal.ts";
import { missing } from "../fakes/need.ts";
import { main } from "../program.ts";

const program = [process.execPath, main] as const;

/** A cheap hash: 1 MiB. */
function hashOf(password: string): string {
  const salt = Buffer.from("0123456789abcdef");
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  const text = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=10,r=8,p=1$${text(salt)}$${text(hash)}`;
}

const ip = "192.0.2.1";

describe("password file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-passwords-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("names the line of every fault, and never the hash", () => {
    const good = hashOf("x");
    const text = `# users\n\nalice:${good}\nbob\nalice:${good}\n:${good}\ncarol:$2y$10$secrethash\ndave:$scrypt$ln=40,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\r\n`;
    const { users, faults } = parsePasswords(Buffer.from(text));
    expect([...users.keys()]).toEqual(["alice"]);
    expect(faults.map(({ line }) => line)).toEqual([4, 5, 6, 7, 8]);
    expect(faults.map(({ message }) => message).join(" ")).not.toContain("secrethash");
    expect(faults[4]?.message).toMatch(/too little or too much work/);
  });

  it("reads any text without a throw, and takes no line that it did not write", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...Array.from("$scryptln=15,:r8p/+A\n\r# ")) })),
        (text) => {
          const { users, faults } = parsePasswords(Buffer.from(text));
          expect(users.size + faults.length).toBeLessThanOrEqual(text.split("\n").length);
          expect(typeof parseHash(text)).toBe("string");
        },
      ),
      { numRuns: 500 },
    );
  });

  it("accepts the right password, refuses a wrong one, and does not know a stranger", async () => {
    const path = join(folder, "users");
    writeFileSync(path, `alice:${hashOf("geheim")}\nülrich:${hashOf("pässwörd")}\n`);
    const file = new PasswordFile(path, () => undefined);
    expect(await file.check({ user: "alice", password: "geheim", ip })).toEqual({ kind: "accepted" });
    expect(await file.check({ user: "alice", password: "Geheim", ip })).toEqual({ kind: "refused" });
    expect(await file.check({ user: "alice", password: "geheim ", ip })).toEqual({ kind: "refused" });
    expect(await file.check({ user: "Alice", password: "geheim", ip })).toEqual({ kind: "unknown" });
    expect(await file.check({ user: "__proto__", password: "geheim", ip })).toEqual({ kind: "unknown" });
    expect(await file.check({ user: "ülrich", password: "pässwörd", ip })).toEqual({ kind: "accepted" });
  });

  it("takes a password as it is behind {PLAIN}, and tells no line that it cannot take", async () => {
    const path = join(folder, "plain");
    writeFileSync(path, `alice:{PLAIN} a:b{PLAIN}$ü \r\nbob:${hashOf("two")}\n`);
    const file = new PasswordFile(path, () => undefined);
    expect(await file.check({ user: "alice", password: " a:b{PLAIN}$ü ", ip })).toEqual({ kind: "accepted" });
    expect(await file.check({ user: "alice", password: "{PLAIN} a:b{PLAIN}$ü ", ip })).toEqual({ kind: "refused" });
    expect(await file.check({ user: "bob", password: "two", ip })).toEqual({ kind: "accepted" });
    expect(await file.clearOf("alice")).toEqual({ kind: "clear", password: " a:b{PLAIN}$ü " });
    expect([await file.clearOf("bob"), await file.clearOf("carol")]).toEqual([
      { kind: "refused" },
      { kind: "unknown" },
    ]);
    unlinkSync(path);
    expect(await file.clearOf("alice")).toMatchObject({ kind: "unavailable", why: expect.stringContaining("ENOENT") });
    const long = "s3cret".repeat(200);
    const bad = ["{PLAIN}", "{PLAIN}s3cret\tx", `{PLAIN}${long}`, "{plain}s3cret", "{CRYPT}s3cret", "s3cret"];
    const { users, faults } = parsePasswords(Buffer.from(bad.map((text, i) => `u${i}:${text}\n`).join("")));
    expect([users.size, faults.map(({ line }) => line)]).toEqual([0, [1, 2, 3, 4, 5, 6]]);
    expect(faults[0]?.message).toContain("allowed: 1 to 1024 octets without control characters");
    expect(faults[3]?.message).toContain("or {PLAIN}PASSWORD");
    expect(faults.map(({ message }) => message).join(" ")).not.toContain("s3cret");
  });

  it("spends as much work on a plain line as on the dearest hash", async () => {
    const path = join(folder, "mixed");
    writeFileSync(path, `alice:${hashOf("geheim").replace("ln=10", "ln=14")}\nbob:{PLAIN}two\n`);
    const file = new PasswordFile(path, () => undefined);
    const spent = async (user: string): Promise<number> => {
      await file.check({ user, password: "two", ip });
      const start = process.cpuUsage();
      await file.check({ user, password: "two", ip });
      return process.cpuUsage(start).user;
    };
    expect(await spent("bob")).toBeGreaterThan((await spent("alice")) / 3);
  });

  it("spends as much work on a stranger as on a user", async () => {
    const path = join(folder, "work");
    writeFileSync(path, `alice:${hashOf("geheim").replace("ln=10", "ln=16")}\n`);
    const file = new PasswordFile(path, () => undefined);
    await file.check({ user: "alice", password: "x", ip });
    const time = async (user: string): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 3; i++) {
        const start = process.cpuUsage();
        await file.check({ user, password: "x", ip });
        const { user: spent } = process.cpuUsage(start);
        times.push(spent);
      }
      return Math.min(...times);
    };
    const [known, unknown] = [await time("alice"), await time("mallory")];
    // 64 MiB against 1 MiB would be a factor of 64.
    expect(unknown).toBeGreaterThan(known / 3);
    expect(unknown).toBeLessThan(known * 3);
  });

  it("sees a new user at once, keeps the old ones over a bad line, and lets nobody in without a file", async () => {
    const path = join(folder, "changing");
    const complaints: string[] = [];
    writeFileSync(path, `alice:${hashOf("one")}\n`);
    const file = new PasswordFile(path, (why) => complaints.push(why));
    const alice = { user: "alice", password: "one", ip };
    const bob = { user: "bob", password: "two", ip };
    expect(await file.check(bob)).toEqual({ kind: "unknown" });
    writeFileSync(path, `alice:${hashOf("one")}\nbob:${hashOf("two")}\n`);
    expect(await file.check(bob)).toEqual({ kind: "accepted" });
    writeFileSync(path, `alice:${hashOf("changed")}\nbob\n`);
    expect(await file.check(alice)).toEqual({ kind: "accepted" });
    expect(await file.check(bob)).toEqual({ kind: "accepted" });
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain(`${path}:2: has no colon`);
    unlinkSync(path);
    expect(await file.check(alice)).toMatchObject({ kind: "unavailable", why: expect.stringContaining("ENOENT") });
    writeFileSync(path, `alice:${hashOf("three")}\n`);
    expect(await file.check(alice)).toEqual({ kind: "refused" });
  });

  it.skipIf(missing("mkfifo"))("does not hang at a FIFO", async () => {
    const path = join(folder, "fifo");
    await once(spawn("mkfifo", [path]), "exit");
    const file = new PasswordFile(path, () => undefined);
    expect(await file.check({ user: "alice", password: "x", ip })).toMatchObject({ kind: "unavailable" });
  });
});

/** Runs the verb with a password on standard input. */
async function passwd(
  words: readonly string[],
  input: string,
): Promise<{ code: number; output: string; errors: string }> {
  const [file, main] = program;
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string; errors: string }>();
  const child = execFile(file, [main, "passwd", ...words], (error, output, errors) =>
    resolve({ code: error === null ? 0 : Number(error.code), output, errors }),
  );
  child.stdin?.end(input);
  return await promise;
}

describe("goodmailto passwd", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-passwd-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("leaves a file that is not UTF-8 as it was, and says where", async () => {
    const file = join(folder, "latin1");
    const before = Buffer.from(`# users\nj\xfcrgen:${hashOf("x")}\n`, "latin1");
    writeFileSync(file, before, { mode: 0o600 });
    const { code, errors } = await passwd(["alice", "--file", file], "geheim\n");
    expect(code).toBe(69);
    expect(errors).toContain('line 2, column 2: the byte 0xfc, "ü" in Latin-1, is not UTF-8');
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it("finds the user behind a byte order mark", async () => {
    const file = join(folder, "marked");
    writeFileSync(file, `\uFEFFalice:${hashOf("old")}\n`, { mode: 0o600 });
    expect((await passwd(["alice", "--file", file], "geheim\n")).code).toBe(0);
    const { users, faults } = parsePasswords(readFileSync(file));
    expect(faults).toEqual([]);
    expect([...users.keys()]).toEqual(["alice"]);
  });

  it("prints a line that the relay accepts", async () => {
    const { code, output } = await passwd(["alice"], "geheim\nsecond line\n");
    expect(code).toBe(0);
    const path = join(folder, "printed");
    writeFileSync(path, output);
    const file = new PasswordFile(path, () => undefined);
    expect(await file.check({ user: "alice", password: "geheim", ip })).toEqual({ kind: "accepted" });
    expect(await file.check({ user: "alice", password: "geheim\n", ip })).toEqual({ kind: "refused" });
  });

  it("--plain: stores the password itself, which the relay accepts, and no control characters", async () => {
    const path = join(folder, "plain");
    expect(await passwd(["alice", "--plain", "--file", path], " ge:heim \n")).toMatchObject({ code: 0, output: "" });
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["alice:{PLAIN} ge:heim \n", 0o600]);
    const file = new PasswordFile(path, () => undefined);
    expect(await file.check({ user: "alice", password: " ge:heim ", ip })).toEqual({ kind: "accepted" });
    const { code, errors } = await passwd(["alice", "--plain", "--file", path], "ta\tb\n");
    expect([code, errors]).toEqual([2, "A password that is not hashed cannot have control characters\n"]);
    expect((await passwd(["alice", "--file", path], "hashed\n")).code).toBe(0);
    expect(readFileSync(path, "utf8")).toMatch(/^alice:\$scrypt\$\S+\n$/);
  });

  it("makes the file with mode 0600, and afterwards replaces one line and keeps the rest", async () => {
    const path = join(folder, "users");
    expect((await passwd(["alice", "--file", path], "one")).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const rest = `# comment\nbob:${hashOf("two")}`;
    writeFileSync(path, `${rest}\n${readFileSync(path, "utf8")}`);
    chmodSync(path, 0o644);
    symlinkSync(path, join(folder, "link"));
    expect((await passwd(["alice", "--file", join(folder, "link")], "changed\r\n")).code).toBe(0);
    const text = readFileSync(path, "utf8");
    expect(text.startsWith(`${rest}\nalice:$scrypt$`)).toBe(true);
    expect(text.split("\n")).toHaveLength(4);
    // The world loses what it should never have had.
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const file = new PasswordFile(path, () => undefined);
    expect(await file.check({ user: "alice", password: "changed", ip })).toEqual({ kind: "accepted" });
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  it("turns away an empty password, none at all, a strange name, and a second writer", async () => {
    const path = join(folder, "untouched");
    expect((await passwd(["alice", "--file", path], "\n")).code).toBe(2);
    expect((await passwd(["alice", "--file", path], "")).code).toBe(2);
    expect((await passwd(["alice", "--file", path], `${"x".repeat(5000)}`)).code).toBe(2);
    expect((await passwd(["a:b", "--file", path], "x\n")).code).toBe(2);
    writeFileSync(`${path}.new`, "");
    expect(await passwd(["alice", "--file", path], "x\n")).toMatchObject({
      code: 69,
      errors: expect.stringContaining("EEXIST"),
    });
    expect(existsSync(path)).toBe(false);
  });

  it.skipIf(missing("python3"))("asks twice at a terminal and shows nothing of it", async () => {
    const { code, said: output } = await inTerminal(
      [...program, "passwd", "alice"],
      [
        ["alice: ", "gehx\u007Feim-42\r"],
        ["Again: ", "geheim-42\r"],
      ],
    );
    expect(code).toBe(0);
    expect(output).not.toContain("eim-42");
    const line = /alice:\$scrypt\$\S+/.exec(output)?.[0] ?? "";
    writeFileSync(join(folder, "typed"), `${line}\n`);
    const file = new PasswordFile(join(folder, "typed"), () => undefined);
    expect(await file.check({ user: "alice", password: "geheim-42", ip })).toEqual({ kind: "accepted" });
  });
});
