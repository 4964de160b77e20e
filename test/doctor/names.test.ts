/** What doctor says of MX, PTR, MTA-STS and TLSA: Debian's nsd has the records, a real nginx the policies. */
import { createHash, X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { lookAtNames } from "../../src/doctor/names.ts";
import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { startNginx } from "../fakes/nginx.ts";
import type { Nginx } from "../fakes/nginx.ts";
import { Nsd } from "../fakes/nsd.ts";

const hostname = "mx.kontor.example";
const day = 86_400_000;

const policy = (mode: string, mx: string, age = "604800"): string =>
  ["version: STSv1", `mode: ${mode}`, ...(mx === "" ? [] : [`mx: ${mx}`]), `max_age: ${age}`, ""].join("\\r\\n");
/** Domains below example, and the policy of each as nginx writes it. */
const policies: Readonly<Record<string, string>> = {
  right: policy("enforce", "*.kontor.example"),
  other: policy("enforce", "mx.elsewhere.example"),
  deep: policy("enforce", "*.example"),
  testing: policy("testing", "mx.elsewhere.example"),
  none: policy("none", ""),
  short: policy("enforce", hostname, "60"),
  broken: policy("enforce", hostname).replace("STSv1", "STSv2"),
  expired: policy("enforce", hostname),
  stranger: policy("enforce", hostname),
  long: `${policy("enforce", hostname)}${"# \\r\\n".repeat(20_000)}`,
};

const said = (findings: readonly Finding[]): string[] =>
  findings.map(({ state, what, said: text }) => `${state} ${what}: ${text}`);

describe.skipIf(missing("nsd") || missing("nginx") || missing("openssl"))("names, as doctor sees them", () => {
  let folder = "";
  let nsd: Nsd;
  let nginx: Nginx;
  let ca = "";
  let chain: X509Certificate[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-names-"));
    // The workers of nginx are not root.
    chmodSync(folder, 0o755);
    const port = await freePort();
    const servers = Object.entries(policies).map(([name, text]) => serverOf(name, text, port));
    const redirect = `location /.well-known/mta-sts.txt { return 301 https://mta-sts.right.example/; }`;
    nginx = await startNginx("", "", port, [...servers, serverBlock("moved", redirect, port)].join("\n"));
    const { certificate } = await nginx.authority.issue("mx", `DNS:${hostname}`);
    chain = [certificate, nginx.authority.ca].map((file) => new X509Certificate(readFileSync(file)));
    nsd = await Nsd.start({ example: zoneOf(chain), "2.0.192.in-addr.arpa": `25 PTR ${hostname}.` });
  });
  afterAll(async () => {
    await nsd?.close();
    await nginx?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Its certificate is trusted by the test; one is expired, and one is for another name. */
  function serverBlock(name: string, location: string, port: number): string {
    const names = [name === "stranger" ? "mta-sts.elsewhere.example" : `mta-sts.${name}.example`];
    const from = new Date(Date.now() - (name === "expired" ? 100 * day : 3_600_000));
    const pair = makeSelfSigned(names, { from, days: 90 });
    const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    writeFileSync(certificate, pair.certificate);
    writeFileSync(key, pair.key);
    ca += pair.certificate;
    return `server { listen 127.0.0.1:${port} ssl; server_name mta-sts.${name}.example;
      ssl_certificate ${certificate}; ssl_certificate_key ${key}; ${location} }`;
  }

  function serverOf(name: string, text: string, port: number): string {
    const file = join(folder, `${name}.txt`);
    writeFileSync(file, text.replaceAll("\\r\\n", "\r\n"));
    return serverBlock(name, `location = /.well-known/mta-sts.txt { default_type text/plain; alias ${file}; }`, port);
  }

  function zoneOf([own, authority]: readonly X509Certificate[]): string {
    const key = createHash("sha256").update(own?.publicKey.export({ type: "spki", format: "der" }) ?? "");
    const root = createHash("sha512").update(authority?.raw ?? "");
    const other = "0".repeat(64);
    return [
      "kontor MX 10 mx.kontor",
      "other MX 10 mx.elsewhere",
      ...["mx", "old", "ta", "pkix"].map((name) => `${name}.kontor A 192.0.2.25`),
      `_25._tcp.mx.kontor TLSA 3 1 1 ${other}`,
      `_25._tcp.mx.kontor TLSA 3 1 1 ${key.digest("hex")}`,
      `_25._tcp.old.kontor TLSA 3 1 1 ${other}`,
      `_25._tcp.ta.kontor TLSA 2 0 2 ${root.digest("hex")}`,
      `_25._tcp.pkix.kontor TLSA 1 1 1 ${other}`,
      ...[...Object.keys(policies), "moved", "nowhere"].map((name) => `_mta-sts.${name} TXT "v=STSv1; id=2026"`),
      ...[...Object.keys(policies), "moved"].map((name) => `mta-sts.${name} A 127.0.0.1`),
      '_mta-sts.twice TXT "v=STSv1; id=1"',
      '_mta-sts.twice TXT "v=STSv1; id=2"',
    ].join("\n");
  }

  const look = (domains: readonly string[], host = hostname, own = chain): Promise<readonly Finding[]> =>
    lookAtNames(
      { servers: [nsd.server], hostname: host, domains: domains.map((name) => `${name}.example`), chain: own },
      { port: nginx.port, ca },
    );

  it("names each policy that keeps mail away, and each that senders ignore", async () => {
    const domains = ["kontor", ...Object.keys(policies), "moved", "nowhere", "twice"];
    const lines = said(await look(domains));
    const without = (name: string): string =>
      `the policy of ${name}.example cannot be fetched, and senders that do not have it yet ignore it`;
    expect(lines.filter((line) => line.includes("MTA-STS"))).toEqual([
      `ok MTA-STS: the policy of right.example names ${hostname} (mode: enforce)`,
      `fault MTA-STS: the policy of other.example does not name ${hostname}: mx.elsewhere.example (mode: enforce)`,
      `fault MTA-STS: the policy of deep.example does not name ${hostname}: *.example (mode: enforce)`,
      `warning MTA-STS: the policy of testing.example does not name ${hostname}: mx.elsewhere.example (mode: testing)`,
      "ok MTA-STS: the policy of none.example asks for nothing (mode: none)",
      `ok MTA-STS: the policy of short.example names ${hostname} (mode: enforce)`,
      "warning MTA-STS: the policy of short.example has max_age 60: senders forget it within a day",
      expect.stringMatching(/^warning MTA-STS: the policy of broken\.example is none: it needs version/),
      `warning MTA-STS: ${without("expired")}: certificate has expired`,
      expect.stringContaining(`${without("stranger")}: Hostname/IP does not match certificate's altnames`),
      `warning MTA-STS: ${without("long")}: it is longer than 65536 octets`,
      `warning MTA-STS: ${without("moved")}: the answer is 301`,
      `warning MTA-STS: ${without("nowhere")}: mta-sts.nowhere.example has no address`,
      'warning MTA-STS: _mta-sts.twice.example must be one record "v=STSv1; id=…": senders ignore it',
    ]);
    expect(lines).toContain(`ok name: ${hostname} is 192.0.2.25, and back`);
    expect(lines).toContain(`ok MX: kontor.example has ${hostname}`);
    expect(lines).toContain(`warning MX: other.example does not name ${hostname}: mx.elsewhere.example`);
    expect(lines).toContain(`ok TLSA: _25._tcp.${hostname} fits the certificate`);
  });

  it("compares TLSA records with the certificate, and with its authorities", async () => {
    const [own] = chain;
    const tlsa = async (host: string, certificates: readonly X509Certificate[] = chain): Promise<string[]> =>
      said(await look([], `${host}.kontor.example`, [...certificates])).filter((line) => line.includes("TLSA"));
    expect(await tlsa("old")).toEqual([
      "fault TLSA: no record of _25._tcp.old.kontor.example fits the certificate: senders that use DANE refuse it",
    ]);
    expect(await tlsa("ta")).toEqual(["ok TLSA: _25._tcp.ta.kontor.example fits the certificate"]);
    expect(await tlsa("ta", own === undefined ? [] : [own])).toEqual([expect.stringMatching(/^fault TLSA: no record/)]);
    expect(await tlsa("mx", [])).toEqual([expect.stringMatching(/asks for a certificate, and there is none$/)]);
    expect(await tlsa("pkix")).toEqual([expect.stringMatching(/^warning TLSA: .*no record of usage 2 or 3/)]);
    expect(await tlsa("none")).toEqual([]);
  });

  it("says that a policy asks for a certificate that senders trust", async () => {
    const { certificate } = makeSelfSigned([hostname], { from: new Date(), days: 1 });
    const lines = said(await look(["right"], hostname, [new X509Certificate(certificate)]));
    expect(lines).toContain("fault MTA-STS: senders do not trust a self-signed certificate");
  });
});
