/** The back end sql at a real MariaDB over TLS: only the CA of `ca_file` is trusted, and its words say why not. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";

import { sql } from "../../../src/auth/backends/sql.ts";
import { askChain } from "../../../src/auth/chain.ts";
import type { ChainAnswer } from "../../../src/auth/chain.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import { silentLog } from "../../../src/report/log.ts";
import { createAuthority } from "../../fakes/certificates.ts";
import { freePort } from "../../fakes/free-port.ts";
import { MariaDb } from "../../fakes/mariadb.ts";
import { missing } from "../../fakes/need.ts";
import { users } from "./stage.ts";
import { vpopmailRows, vpopmailTable } from "./vpopmail.ts";

const [[alice, right] = ["", ""]] = users;

describe.skipIf(missing("mariadbd") || missing("openssl"))("MariaDB over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-maria-tls-"));
  const secret = join(folder, "secret");
  const authorities: string[] = [];
  let port: number;
  let server: MariaDb | undefined;

  beforeAll(async () => {
    const [own, other] = [await createAuthority(folder, "own"), await createAuthority(folder, "other")];
    authorities.push(own.ca, other.ca);
    port = await freePort();
    server = await MariaDb.start({ port, ...(await own.issue("server", "DNS:localhost,IP:127.0.0.1")) });
    await server.run(vpopmailTable);
    for (const row of vpopmailRows(users)) {
      await server.run("INSERT INTO vpopmail VALUES (?, ?, ?, ?)", row);
    }
    await server.run("CREATE USER 'reader'@'%' IDENTIFIED BY 'database-pass' REQUIRE SSL");
    await server.run("GRANT SELECT ON vpopmail TO 'reader'@'%'");
    writeFileSync(secret, "database-pass\n", { mode: 0o600 });
  }, 60_000);
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(ca: string, password: string): Promise<ChainAnswer> {
    const url = `mysql://reader@localhost:${port}/test`;
    const values = z.object(sql.settings).parse({ url, password_file: secret, ca_file: ca });
    const backEnd = sql.create(values, { log: silentLog, domains: createDomains(["kontor.example"]) });
    const login = { user: alice, password, ip: "192.0.2.1" };
    try {
      return await askChain([{ name: "sql", backEnd, timeout: 20_000 }], login, () => undefined);
    } finally {
      backEnd.close?.();
    }
  }

  it("verifies passwords with the right CA", async () => {
    const [own = ""] = authorities;
    expect(await ask(own, right)).toEqual({ kind: "accepted" });
    expect(await ask(own, "wrong")).toEqual({ kind: "refused" });
  });

  it("is unavailable with another CA, and says that it is the certificate", async () => {
    const why = expect.stringMatching(/^sql: .*certificate/);
    expect(await ask(authorities[1] ?? "", right)).toEqual({ kind: "unavailable", why, isGuess: false });
  });

  it("does not go without TLS: the server turns it away", async () => {
    const why = expect.stringMatching(/^sql: .*(?:secure|Access denied)/);
    expect(await ask("", right)).toEqual({ kind: "unavailable", why, isGuess: false });
  });
});
