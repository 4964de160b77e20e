/** Databases as sources: the real servers, their presets, and whatever ends a reading before its last row. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { freePort } from "../fakes/free-port.ts";
import { MariaDb } from "../fakes/mariadb.ts";
import { missing } from "../fakes/need.ts";
import { Postgres } from "../fakes/postgres.ts";
import { faultOf, readAll, source } from "./reading.ts";

const folder = mkdtempSync(join(tmpdir(), "gmto-sql-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Given = Partial<SourceSettings>;
const asks = (settings: Given): ReturnType<typeof source> => source({ type: "sql", ...settings });
const kindsOf = async (settings: Given): Promise<string[]> =>
  (await readAll(asks(settings))).found.map(({ key, kind }) => `${key} ${kind}`).toSorted();
const passwordFile = (password: string): string => {
  const file = join(folder, `password-${password}`);
  writeFileSync(file, `${password}\n`);
  return file;
};

/** The columns that the queries of the presets name, of the tables as the products make them. */
const postfixadmin = (flag: string): string[] => [
  `CREATE TABLE alias (address varchar(255), goto text, domain varchar(255), active ${flag})`,
  `CREATE TABLE mailbox (username varchar(255), domain varchar(255), active ${flag})`,
  `CREATE TABLE alias_domain (alias_domain varchar(255), target_domain varchar(255), active ${flag})`,
  `INSERT INTO alias VALUES ('anna@kontor.example', 'anna@kontor.example', 'kontor.example', true),
    ('info@kontor.example', 'anna@kontor.example', 'kontor.example', true),
    ('@old.example', 'anna@kontor.example', 'old.example', true),
    ('gone@kontor.example', 'anna@kontor.example', 'kontor.example', false)`,
  `INSERT INTO mailbox VALUES ('anna@kontor.example', 'kontor.example', true), ('off@kontor.example', 'kontor.example', false)`,
  `INSERT INTO alias_domain VALUES ('old.example', 'kontor.example', true), ('none.example', 'kontor.example', false)`,
];
const iredmail = [
  "CREATE TABLE mailbox (username varchar(255), domain varchar(255), active int, enabledeliver int)",
  "CREATE TABLE forwardings (address varchar(255), forwarding varchar(255), domain varchar(255), is_mailbox int, active int)",
  "CREATE TABLE alias (address varchar(255), active int)",
  "CREATE TABLE maillists (address varchar(255), active int)",
  "CREATE TABLE alias_domain (alias_domain varchar(255), target_domain varchar(255), active int)",
  "INSERT INTO mailbox VALUES ('anna@kontor.example', 'kontor.example', 1, 1), ('off@kontor.example', 'kontor.example', 1, 0)",
  `INSERT INTO forwardings VALUES ('anna@kontor.example', 'anna@kontor.example', 'kontor.example', 1, 1),
    ('info@kontor.example', 'anna@kontor.example', 'kontor.example', 0, 1),
    ('kontor.example', 'anna@kontor.example', 'kontor.example', 0, 1)`,
  "INSERT INTO alias VALUES ('team@kontor.example', 1)",
  "INSERT INTO maillists VALUES ('liste@kontor.example', 1), ('stumm@kontor.example', 0)",
  "INSERT INTO alias_domain VALUES ('old.example', 'kontor.example', 1)",
];
const vpopmail = [
  "CREATE TABLE vpopmail (pw_name char(32), pw_domain char(96))",
  "CREATE TABLE valias (alias char(32), domain char(96), valias_line text)",
  "INSERT INTO vpopmail VALUES ('anna', 'kontor.example')",
  "INSERT INTO valias VALUES ('info', 'kontor.example', '&anna@kontor.example'), ('info', 'kontor.example', '&b@kontor.example')",
];
const mailcow = [
  "CREATE TABLE mailbox (username varchar(255), local_part varchar(255), domain varchar(255), kind varchar(100), active tinyint(1))",
  "CREATE TABLE alias (address varchar(255), goto text, active tinyint(1))",
  "CREATE TABLE alias_domain (alias_domain varchar(255), target_domain varchar(255), active tinyint(1))",
  "CREATE TABLE spamalias (address varchar(255), validity int)",
  `INSERT INTO mailbox VALUES ('anna@kontor.example', 'anna', 'kontor.example', '', 2),
        ('saal@kontor.example', 'saal', 'kontor.example', 'location', 1), ('off@kontor.example', 'off', 'kontor.example', '', 0)`,
  "INSERT INTO alias VALUES ('info@kontor.example', 'anna@kontor.example', 1), ('@kontor.example', 'anna@kontor.example', 0)",
  "INSERT INTO alias_domain VALUES ('old.example', 'kontor.example', 1)",
  "INSERT INTO spamalias VALUES ('now@kontor.example', 2000000000), ('over@kontor.example', 1)",
];
const twoDomains = createDomains(["kontor.example", "old.example"], {});

async function tablesOf(preset: SourceSettings["preset"], settings: Given): Promise<string[]> {
  const from = source({ type: "sql", preset, ...settings }, twoDomains);
  const found = new Set((await readAll(from)).found.map(({ key, kind }) => `${key} ${kind}`));
  return [...found].toSorted();
}

const ofPostfixadmin = [
  "@old.example catchall",
  "anna@kontor.example account",
  "anna@old.example alias",
  "info@kontor.example alias",
  "info@old.example alias",
];
const ofIredmail = [
  "@kontor.example catchall",
  "@old.example catchall",
  "anna@kontor.example account",
  "anna@old.example alias",
  "info@kontor.example alias",
  "info@old.example alias",
  "liste@kontor.example group",
  "team@kontor.example group",
];

describe("an SQLite file as a source", () => {
  const file = (statements: readonly string[]): string => {
    const path = join(folder, `${randomUUID()}.sqlite`);
    const made = new Sqlite(path);
    statements.forEach((one) => made.exec(one));
    made.close();
    return `sqlite:${path}`;
  };
  const people = [
    "CREATE TABLE person (mail, short, what)",
    "INSERT INTO person VALUES ('Anna@kontor.example', 'anna', 'account'), (x'7465616d406b6f6e746f722e6578616d706c65', NULL, 'group'), ('x@other.example', '', NULL)",
  ];

  it("reads the columns address and kind, whatever their type", async () => {
    expect(await kindsOf({ url: [file(people)], query: "SELECT mail AS address, what AS KIND FROM person" })).toEqual([
      "anna@kontor.example account",
      "team@kontor.example group",
    ]);
  });

  it("reads the columns that attributes names", async () => {
    expect(
      await kindsOf({ url: [file(people)], query: "SELECT mail, short FROM person", attributes: ["mail", "Short"] }),
    ).toEqual(["anna alias", "anna@kontor.example alias", "team@kontor.example alias"]);
  });

  it("reads PostfixAdmin's tables", async () => {
    expect(await tablesOf("postfixadmin", { url: [file(postfixadmin("boolean"))] })).toEqual(ofPostfixadmin);
  });

  it.each([
    ["a column is gone", "SELECT mail FROM person", "format", /has no column "address", but "mail"/],
    [
      "the query is wrong",
      "SELECT nobody FROM person",
      "search",
      /The query failed on sqlite:.*no such column: nobody/,
    ],
    ["the query changes something", "DELETE FROM person", "search", /The query failed.*does not return data/],
    ["it is two queries", "SELECT mail AS address FROM person; SELECT 1", "search", /more than one statement/],
  ] as const)("gives no list: %s", async (_, query, reason, message) => {
    const fault = await faultOf(asks({ url: [file(people)], query }));
    expect(fault.message).toMatch(message);
    expect(fault.reason).toBe(reason);
  });

  it("takes the next file if one cannot be opened, and says so", async () => {
    const notices: string[] = [];
    const from = asks({ url: ["sqlite:/nowhere/a.sqlite", file(people)], query: "SELECT mail AS address FROM person" });
    const found: string[] = [];
    for await (const batch of from.read(AbortSignal.timeout(10_000), (fault) => notices.push(fault.message))) {
      found.push(...batch.found.map(({ key }) => key));
    }
    expect(found).toContain("anna@kontor.example");
    expect(notices).toEqual([expect.stringMatching(/^Cannot connect to sqlite:\/nowhere\/a\.sqlite: /)]);
  });
});

describe.skipIf(missing("mariadbd"))("MariaDB as a source", () => {
  let server: MariaDb;
  let url: string;
  beforeAll(async () => {
    server = await MariaDb.start();
    url = `mysql:///${server.database}?socket=${server.socket}`;
  }, 120_000);
  afterAll(() => server.close());
  const filled = async (statements: readonly string[]): Promise<Given> => {
    const name = `t${randomUUID().replaceAll("-", "")}`;
    await server.run(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
    for (const one of statements) {
      await server.run(one, [], name);
    }
    return { url: [`mysql:///${name}?socket=${server.socket}`], user: server.user };
  };

  it("reads the tables of PostfixAdmin and of iRedMail", async () => {
    expect(await tablesOf("postfixadmin", await filled(postfixadmin("tinyint(1)")))).toEqual(ofPostfixadmin);
    expect(await tablesOf("iredmail", await filled(iredmail))).toEqual(ofIredmail);
  });

  it("reads vpopmail's", async () => {
    const settings = await filled(vpopmail);
    expect(await kindsOf({ preset: "vpopmail", ...settings })).toEqual([
      "anna@kontor.example account",
      "info@kontor.example alias",
    ]);
  });

  it.each([
    ["PostfixAdmin", "postfixadmin", "postfixadmin", postfixadmin("tinyint(1)")],
    ["mailcow", "mailcow", "mailcow", mailcow],
    ["iRedMail", "iredmail", "vmail", iredmail],
    ["vpopmail", "vpopmail", "vpopmail", vpopmail],
  ] as const)(
    "reads with the rights that docs/sql.md grants, and no others: %s",
    async (title, preset, database, tables) => {
      const own = await filled(tables);
      const name = own.url?.[0]?.slice("mysql:///".length).split("?")[0] ?? "";
      const [, section = ""] = readFileSync(join(import.meta.dirname, "../../docs/sql.md"), "utf8").split(
        `\n## ${title}\n`,
      );
      const [, block = ""] = /^```sql\n(.*?)^```/ms.exec(section) ?? [];
      const [, host = ""] = /CREATE USER goodmailto@(\S+)/.exec(block) ?? [];
      for (const statement of block.split(";\n").filter((one) => one.trim() !== "")) {
        await server.run(statement.replace(` ${database}.`, ` ${name}.`));
      }
      const settings = { ...own, user: "goodmailto", password_file: passwordFile("CHANGE-ME") };
      expect(await tablesOf(preset, settings)).toEqual(await tablesOf(preset, own));
      await server.run(`DROP USER goodmailto@${host}`);
    },
  );

  it("reads vpopmail's with a table for each domain, and gives no list if one is missing", async () => {
    const table = (name: string): string =>
      `CREATE TABLE ${name} (pw_name char(32) NOT NULL, pw_passwd char(40), pw_uid int, pw_gid int, pw_gecos char(48), pw_dir char(160), pw_shell char(20), PRIMARY KEY (pw_name))`;
    const settings = await filled([
      table("kontor_example"),
      table("mein_werk_example"),
      table("foreign_example"),
      "CREATE TABLE valias (alias char(32), domain char(96), valias_line text, INDEX (alias, domain))",
      "INSERT INTO kontor_example (pw_name) VALUES ('anna'), ('b''ert')",
      "INSERT INTO mein_werk_example (pw_name) VALUES ('anna')",
      "INSERT INTO foreign_example (pw_name) VALUES ('nobody')",
      `INSERT INTO valias VALUES ('info', 'kontor.example', '&anna@kontor.example'),
        ('info', 'mein-werk.example', '&anna@kontor.example'), ('info', 'foreign.example', '&nobody@foreign.example')`,
    ]);
    const domains = createDomains(["kontor.example", "mein-werk.example", "none.example"], {});
    const own = { type: "sql", preset: "vpopmail-domains", ...settings } as const;
    const from = source({ ...own, domains: ["kontor.example", "mein-werk.example"] }, domains);
    expect((await readAll(from)).found.map(({ key, kind }) => `${key} ${kind}`).toSorted()).toEqual([
      "anna@kontor.example account",
      "anna@mein-werk.example account",
      "b'ert@kontor.example account",
      "info@kontor.example alias",
      "info@mein-werk.example alias",
    ]);
    const fault = await faultOf(source(own, domains));
    expect([fault.reason, fault.message]).toEqual(["search", expect.stringMatching(/none_example.*doesn't exist/)]);
    const wild = createDomains([".kontor.example"], {});
    expect(() => source(own, wild)).toThrow(
      'domains must name each domain that has a table, for preset "vpopmail-domains"',
    );
  });

  it("reads mailcow's: no login but mail, a room, an alias that is over", async () => {
    const settings = await filled(mailcow);
    expect(await tablesOf("mailcow", settings)).toEqual([
      "anna@kontor.example account",
      "anna@old.example alias",
      "info@kontor.example alias",
      "now@kontor.example alias",
      "saal@kontor.example resource",
      "saal@old.example alias",
    ]);
  });

  it("gives no list where the password is wrong, and none of half the rows", async () => {
    await server.run("CREATE USER inside IDENTIFIED BY 'geheim'");
    await server.run("GRANT SELECT ON *.* TO inside");
    const settings = { url: [url], user: "inside", query: "SELECT 'a@kontor.example' AS address" };
    expect((await faultOf(asks({ ...settings, password_file: passwordFile("falsch") }))).message).toMatch(
      /^Cannot connect to mysql:.*Access denied/,
    );
    expect(await kindsOf({ ...settings, password_file: passwordFile("geheim") })).toEqual(["a@kontor.example account"]);
    const many = {
      ...settings,
      user: server.user,
      query: "SELECT concat('u', seq, '@kontor.example') AS address FROM seq_1_to_3000000",
    };
    expect((await cutShort(asks(many), () => server.kill())).message).toMatch(/^The query failed on mysql:/);
    await server.comeBack();
  });

  it("changes nothing, and waits no longer than timeout", async () => {
    const settings = { url: [url], user: server.user, timeout: 500 };
    await server.run("CREATE TABLE kept (a int)");
    expect(
      (await faultOf(asks({ ...settings, query: "INSERT INTO kept VALUES (1) RETURNING a AS address" }))).message,
    ).toMatch(/READ ONLY/);
    expect((await faultOf(asks({ ...settings, query: "SELECT sleep(30) AS address" }))).message).toMatch(
      /no answer within 0\.5 s/,
    );
    server.freeze();
    expect((await faultOf(asks({ ...settings, query: "SELECT 1 AS address" }))).reason).toBe("timeout");
    await server.comeBack();
  });
});

describe.skipIf(missing("postgres") || missing("openssl"))("PostgreSQL as a source", () => {
  let server: Postgres;
  let settings: Given;
  beforeAll(async () => {
    const { ca, issue } = await createAuthority(folder);
    server = await Postgres.start(await issue("pg", "DNS:localhost,IP:127.0.0.1"));
    await server.run("CREATE SEQUENCE public.seq");
    settings = {
      url: [`postgres://localhost:${server.port}/postgres`],
      user: server.user,
      password_file: passwordFile(server.password),
      ca_file: ca,
    };
  }, 120_000);
  afterAll(() => server.close());
  const filled = async (statements: readonly string[]): Promise<Given> => {
    const name = `t${randomUUID().replaceAll("-", "")}`;
    await server.run(`CREATE SCHEMA ${name}; SET search_path TO ${name}; ${statements.join(";")}`);
    await server.run(`ALTER USER ${server.user} SET search_path TO ${name}`);
    return settings;
  };

  it("reads the tables of PostfixAdmin and of iRedMail over verified TLS", async () => {
    expect(await tablesOf("postfixadmin", await filled(postfixadmin("boolean")))).toEqual(ofPostfixadmin);
    expect(await tablesOf("iredmail", await filled(iredmail))).toEqual(ofIredmail);
  });

  it("reads over its Unix socket", async () => {
    expect(
      await kindsOf({
        url: [`postgres://localhost:${server.port}/postgres?socket=${server.folder}`],
        user: server.user,
        query: "SELECT 'a@kontor.example' AS address",
      }),
    ).toEqual(["a@kontor.example account"]);
  });

  it.each([
    [
      "the password is wrong",
      { password_file: passwordFile("falsch") },
      /^Cannot connect to postgres:.*password authentication failed/,
    ],
    [
      "the certificate is from somebody else",
      { ca_file: "/etc/ssl/certs/ca-certificates.crt" },
      /^Cannot connect to postgres:/,
    ],
    [
      "the query is wrong",
      { query: "SELECT nobody" },
      /^The query failed on postgres:.*column "nobody" does not exist/,
    ],
    [
      "the query changes something",
      { query: "SELECT nextval('public.seq')::text AS address" },
      /read-only transaction/,
    ],
    [
      "the query takes too long",
      { query: "SELECT pg_sleep(30)::text AS address", timeout: 500 },
      /no answer within 0\.5 s/,
    ],
  ] as const)("gives no list: %s", async (_, more, message) => {
    expect((await faultOf(asks({ query: "SELECT 'a' AS address", ...settings, ...more }))).message).toMatch(message);
  });

  it("reads many rows, and gives no list of half of them", async () => {
    const many = {
      ...settings,
      query: "SELECT concat('u', n, '@kontor.example') AS address FROM generate_series(1, 3000000) n",
    };
    const stop = (): Promise<void> =>
      server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      );
    expect((await cutShort(asks(many), stop)).message).toMatch(/^The query failed on postgres:/);
  });

  it("takes the next server if one does not answer", async () => {
    const dead = `postgres://127.0.0.1:${await freePort()}/postgres`;
    const { keys } = await readAll(
      asks({ ...settings, url: [dead, ...(settings.url ?? [])], query: "SELECT 'a@kontor.example' AS address" }),
    );
    expect([...keys]).toEqual(["a@kontor.example"]);
  });

  it("waits no longer than timeout for a server that stands still", async () => {
    server.freeze();
    const fault = await faultOf(asks({ ...settings, query: "SELECT 1 AS address", timeout: 500 }));
    await server.comeBack();
    expect(fault.reason).toBe("timeout");
  });
});

/** The fault of a reading whose server ends after the first batch. */
async function cutShort(from: ReturnType<typeof source>, end: () => Promise<void>): Promise<Error> {
  let batches = 0;
  try {
    for await (const { entries } of from.read(AbortSignal.timeout(30_000))) {
      batches += entries > 0 ? 1 : 0;
      if (batches === 1) {
        await end();
      }
    }
  } catch (error) {
    expect(batches).toBeGreaterThan(0);
    return error as Error;
  }
  throw new Error(`the reading ended well after ${batches} batches`);
}
