/** What the query of the back end sql stands for, and rows that it can or cannot use. The common suite is contract.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";

import type { BackEnd, BackEndAnswer } from "../../../src/auth/backends/contract.ts";
import { parseQuery, valuesFor } from "../../../src/auth/backends/sql-query.ts";
import { sql } from "../../../src/auth/backends/sql.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import { silentLog } from "../../../src/report/log.ts";

const domains = createDomains(["kontor.example"], { "alt.example": "kontor.example" });

describe("query of the back end sql", () => {
  it("takes names or two question marks, and nothing else", () => {
    expect(parseQuery("SELECT clear FROM t WHERE u = :user")).toEqual({
      sql: "SELECT clear FROM t WHERE u = ?",
      wants: ["user"],
    });
    expect(parseQuery("… a = ? AND b = ?")?.wants).toEqual(["name", "domain"]);
    for (const wrong of ["SELECT 1", "a = ?", "a = ? AND b = ? AND c = ?", "a = ? AND u = :user", ":password"]) {
      expect([wrong, parseQuery(wrong)]).toEqual([wrong, undefined]);
    }
  });

  it("gives small letters, the domain of an alias, and nothing for a user without a domain", () => {
    const all = { sql: "", wants: ["user", "name", "domain"] } as const;
    const values = (user: string): string[] | undefined => valuesFor(all, user, domains.canonical);
    expect(values("Alice@Alt.Example")).toEqual(["alice@kontor.example", "alice", "kontor.example"]);
    expect(values("a@b@elsewhere.example")).toEqual(["a@b@elsewhere.example", "a@b", "elsewhere.example"]);
    expect([values("alice"), values("@kontor.example")]).toEqual([undefined, undefined]);
    expect(valuesFor({ sql: "", wants: ["user"] }, "Alice", domains.canonical)).toEqual(["alice"]);
  });
});

describe("rows of the back end sql", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-rows-"));
  const file = join(folder, "users.sqlite");
  const opened: BackEnd[] = [];
  const warnings: unknown[] = [];
  beforeAll(() => {
    const database = new Database(file);
    database.exec("CREATE TABLE t (u TEXT, c, p)");
    const add = database.prepare("INSERT INTO t VALUES (?, ?, ?)");
    add.run("both", "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/", "other");
    add.run("binary", Buffer.from("$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/"), null);
    add.run("des", "abJnggxhB/yWI", "");
    add.run("none", null, null);
    add.run("number", null, 5);
    add.run("twice", null, "open sesame");
    add.run("twice", null, "open sesame");
    database.close();
  });
  afterAll(() => {
    opened.forEach((each) => each.close?.());
    rmSync(folder, { recursive: true, force: true });
  });

  function open(query: string): BackEnd {
    const values = z.object(sql.settings).parse({ url: `sqlite:${file}`, query });
    const log = { ...silentLog, warning: (...words: unknown[]) => void warnings.push(words) };
    const backEnd = sql.create(values, { log, domains });
    opened.push(backEnd);
    return backEnd;
  }
  const ask = (user: string, query = "SELECT c AS crypt, p AS clear FROM t WHERE u = :user"): Promise<BackEndAnswer> =>
    open(query).check({ user, password: "open sesame", ip: "192.0.2.1" }, AbortSignal.timeout(20_000));

  it("takes either password of a row, and a column that is binary", async () => {
    expect([await ask("both"), await ask("binary")]).toEqual([{ kind: "accepted" }, { kind: "accepted" }]);
  });

  it("refuses a user without a password, and says of which user it cannot read the hash", async () => {
    expect([await ask("none"), await ask("number")]).toEqual([{ kind: "refused" }, { kind: "refused" }]);
    expect(warnings).toEqual([]);
    expect(await ask("des")).toEqual({ kind: "refused" });
    expect(warnings).toEqual([["auth", expect.stringContaining("no known kind"), { user: "des" }]]);
  });

  it("is unavailable where the query gives two rows, other columns, or an error", async () => {
    expect(await ask("twice")).toMatchObject({ why: "the query gives 2 rows for one user" });
    expect(await ask("both", "SELECT c FROM t WHERE u = :user")).toMatchObject({ kind: "unavailable" });
    await expect(ask("both", "SELECT zero FROM t WHERE u = :user")).rejects.toThrow("no such column");
  });

  it("gives the password itself only where the query has it", async () => {
    const late = AbortSignal.timeout(20_000);
    const clear = (user: string) => open("SELECT p AS clear FROM t WHERE u = :user").clearOf?.(user, late);
    expect(await clear("both")).toEqual({ kind: "clear", password: "other" });
    expect([await clear("des"), await clear("nobody")]).toEqual([{ kind: "refused" }, { kind: "unknown" }]);
    expect(open("SELECT c AS crypt FROM t WHERE u = :user").clearOf).toBeUndefined();
  });
});
