/** `goodmailto doctor` on a site that is well, and on one where everything is wrong. Real sockets, a real name server. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import { freePort } from "../fakes/free-port.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { main } from "../program.ts";

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

function run(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], { timeout: 60_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, said: stdout + stderr });
    });
  });
}

describe("goodmailto doctor", () => {
  let folder = "";
  let dns: FakeDns;
  let hop: NextHop;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-doctor-"));
    dns = await startDns();
    hop = await startNextHop();
    writeFileSync(join(folder, "people.txt"), "vera@kontor.example\n");
  });
  afterEach(async () => {
    await dns.close();
    await hop.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Wanted {
    readonly port: number;
    readonly nextHop: string;
    readonly web: number;
  }

  function configure({ port, nextHop, web }: Wanted): string {
    writeFileSync(join(folder, "tokens"), `${"0".repeat(40)}\n`, { mode: 0o600 });
    const path = join(folder, "goodmailto.toml");
    const text = `[smtp]
listen = ["127.0.0.1:${port}"]
hostname = "mx.kontor.example"
status_folder = "${folder}"
[tls]
cert = "cert.pem"
key = "key.pem"
[dns]
servers = ["${dns.server}"]
[domains]
relay = ["kontor.example"]
[snapshot]
path = "list.sqlite"
[web]
listen = "127.0.0.1:${web}"
token_file = "tokens"
[[route]]
domain = "kontor.example"
next_hop = "${nextHop}"
[[source]]
name = "people"
type = "list"
url = "people.txt"
`;
    writeFileSync(path, text);
    return path;
  }

  function certify(name: string, from: number, days: number): void {
    const pair = makeSelfSigned([name], { from: new Date(from), days });
    writeFileSync(join(folder, "cert.pem"), pair.certificate);
    writeFileSync(join(folder, "key.pem"), pair.key, { mode: 0o600 });
  }

  it("says of each thing that it is well", async () => {
    const config = configure({
      port: await freePort(),
      web: await freePort(),
      nextHop: `smtp://127.0.0.1:${hop.port}`,
    });
    certify("mx.kontor.example", Date.now() - 3_600_000, 90);
    await publishSnapshot(join(folder, "list.sqlite"), ["vera@kontor.example"]);
    dns.add("mx.kontor.example", "A", "192.0.2.25");
    dns.add("25.2.0.192.in-addr.arpa", "PTR", "mx.kontor.example");
    dns.add("kontor.example", "MX", "10 mx.kontor.example");
    const { said, code } = await run("doctor", "-c", config);
    expect(said).toMatch(/^ok {6}configuration: /m);
    for (const line of [
      /^ok {6}list: 1 addresses, \d+ s old$/m,
      /^ok {6}port: 127\.0\.0\.1:\d+ is free$/m,
      /^ok {6}descriptors: \d+ allowed, 2100 may be needed$/m,
      /^ok {6}web: http:\/\/127\.0\.0\.1:\d+\/, login by token; its port is free$/m,
      /^ok {6}certificate: good for 89 days$/m,
      /^ok {6}certificate: is for mx\.kontor\.example$/m,
      /^ok {6}source people: 1 entries, 1 addresses$/m,
      /^ok {6}mail server: smtp:\/\/127\.0\.0\.1:\d+ answers, without STARTTLS, 250 to an unknown recipient$/m,
      /^ok {6}name: mx\.kontor\.example is 192\.0\.2\.25, and back$/m,
      /^ok {6}MX: kontor\.example has mx\.kontor\.example$/m,
    ]) {
      expect(said).toMatch(line);
    }
    expect(said.match(/^(?:warning|fault).*$/gm)).toEqual(["warning relay: none runs on this machine"]);
    expect(said).toContain("→ systemctl start goodmailto\n");
    expect(code).toBe(1);
  });

  it("says of each thing what is wrong with it, and what to do", async () => {
    const others = [createServer().listen(0, "127.0.0.1"), createServer().listen(0, "127.0.0.1")] as const;
    await Promise.all(others.map((other) => once(other, "listening")));
    const [port, web] = others.map((other) => {
      const address = other.address();
      return typeof address === "object" ? (address?.port ?? 0) : 0;
    }) as [number, number];
    try {
      const config = configure({ port, web, nextHop: `smtp://127.0.0.1:${await freePort()}` });
      certify("other.example", Date.now() - 100 * 86_400_000, 90);
      rmSync(join(folder, "people.txt"));
      dns.add("mx.kontor.example", "A", "192.0.2.25");
      dns.add("kontor.example", "MX", "10 elsewhere.example");
      dns.add("_mta-sts.kontor.example", "TXT", "v=STSv1; id=1");
      const { said, code } = await run("doctor", "-c", config, "--json");
      expect(code).toBe(69);
      const { findings }: { findings: readonly Finding[] } = JSON.parse(said);
      const wrong = findings.filter(({ state }) => state !== "ok");
      expect(wrong.filter(({ advice }) => advice === undefined)).toEqual([]);
      expect(wrong.map(({ state, what, said: text }) => `${state} ${what}: ${text}`)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^fault list: .*list\.sqlite: there is no such file$/),
          expect.stringMatching(/^fault port: .* is in use$/),
          `fault web: 127.0.0.1:${web}: EADDRINUSE`,
          expect.stringMatching(/^fault certificate: the certificate ".*cert\.pem" ended at /),
          "warning certificate: is not for mx.kontor.example",
          expect.stringMatching(/^fault source people: .*people\.txt/),
          expect.stringMatching(/^fault mail server: .*ECONNREFUSED/),
          "warning name: 192.0.2.25 does not lead back to mx.kontor.example",
          "warning MX: kontor.example does not name mx.kontor.example: elsewhere.example",
          expect.stringMatching(/^warning MTA-STS: .* cannot be fetched.*: mta-sts\.kontor\.example has no address$/),
        ]),
      );
      // The configuration has a warning about it too.
      expect(wrong.filter(({ said: text }) => text.includes(" ended at "))).toHaveLength(1);
    } finally {
      others.forEach((other) => other.close());
    }
  });

  it("asks no name server where it must not, and reports errors of the configuration as config check does", async () => {
    const config = configure({
      port: await freePort(),
      web: await freePort(),
      nextHop: `smtp://127.0.0.1:${hop.port}`,
    });
    certify("mx.kontor.example", Date.now() - 3_600_000, 90);
    await run("doctor", "-c", config, "--no-dns");
    expect(dns.asked).toEqual([]);
    writeFileSync(config, "[smtp]\nlisten = 25\n");
    const { code, said } = await run("doctor", "-c", config);
    expect(code).toBe(78);
    expect(said).toMatch(/^fault {3}configuration: .*goodmailto\.toml:2:1: .*listen/);
  });
});
