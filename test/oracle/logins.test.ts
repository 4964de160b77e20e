/** Logins beside the original: the same users and passwords at qpsmtpd's plugins and at a relay, answer by answer. */
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { startDns } from "../fakes/dns.ts";
import { missing } from "../fakes/need.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { base64, begin, beginTls, plain } from "../smtp/tls-fixture.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { startQpsmtpd } from "./qpsmtpd.ts";
import type { Qpsmtpd } from "./qpsmtpd.ts";

const user = "otto@kontor.example";
/** checkpassword: one user. */
const program = `#!/usr/bin/perl
open my $in, "<&=3"; local $/; my ($user, $password) = split /\\0/, <$in>;
exec @ARGV if $user eq '${user}' && $password eq 'geheim';
exit 1;
`;

type Attempt = (client: SmtpClient) => Promise<string | undefined>;
const say =
  (name: string, password: string): Attempt =>
  (client) =>
    client.command(`AUTH PLAIN ${plain(name, password)}`, 20_000);
const attempts: Readonly<Record<string, Attempt>> = {
  "the right password": say(user, "geheim"),
  "another one": say(user, "gehein"),
  "an unknown user": say("nobody@kontor.example", "geheim"),
  // To an empty password qpsmtpd says nothing at all.
  LOGIN: async (client) => {
    await client.command("AUTH LOGIN");
    await client.command(base64(user));
    return client.command(base64("geheim"), 20_000);
  },
};
const cram =
  (password: string): Attempt =>
  async (client) => {
    const challenge = (await client.command("AUTH CRAM-MD5"))?.slice(4) ?? "";
    const digest = createHmac("md5", password).update(Buffer.from(challenge, "base64")).digest("hex");
    return client.command(base64(`${user} ${digest}`), 20_000);
  };

describe.skipIf(missing("qpsmtpd-forkserver"))("logins beside qpsmtpd 0.94-5", () => {
  const folder = mkdtempSync(join(tmpdir(), "gmtologin"));
  const checkpassword = join(folder, "checkpassword");
  const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
  const running: { stop(): Promise<void> }[] = [];
  let relays: Readonly<Record<string, TestRelay>>;
  let theirs: Readonly<Record<string, Qpsmtpd>>;

  beforeAll(async () => {
    // Each client's name is asked for.
    const dns = await startDns();
    running.push({ stop: () => dns.close() });
    const dnsPort = dns.port;
    writeFileSync(checkpassword, program, { mode: 0o755 });
    const start = async (auth: string): Promise<TestRelay> =>
      startTestRelay({
        files: {
          "cert.pem": own.certificate,
          "key.pem": { text: own.key, mode: 0o600 },
          passwords: { text: `${user}:{PLAIN}geheim\n`, mode: 0o600 },
        },
        config: `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[auth]\n${auth}\n[[listener]]\nname = "smtp"\nlisten = ["127.0.0.1:0"]\nauth = true`,
      });
    relays = {
      flat: await start('passwords = "passwords"\nmechanisms = ["PLAIN", "LOGIN", "CRAM-MD5"]'),
      program: await start(`command = ["${checkpassword}", "/bin/true"]`),
    };
    theirs = {
      flat: await startQpsmtpd({
        plugins: "auth/auth_flat_file",
        files: { flat_auth_pw: `${user}:geheim` },
        dnsPort,
      }),
      program: await startQpsmtpd({
        plugins: `auth/auth_checkpassword checkpw ${checkpassword} true /bin/true`,
        files: {},
        dnsPort,
      }),
    };
    running.push(...Object.values(relays), ...Object.values(theirs));
  }, 60_000);
  afterAll(async () => {
    await Promise.all(running.map((one) => one.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  /** The codes of both: theirs on a plain line, where the relay takes no password. */
  async function codes(which: string, attempt: Attempt): Promise<(string | undefined)[]> {
    const { client: original } = await begin(theirs[which]?.port ?? 0);
    const { client } = await beginTls(relays[which]?.port ?? 0);
    const said = [await attempt(original), await attempt(client)].map((reply) => reply?.slice(0, 3));
    original.close();
    client.close();
    return said;
  }

  it.each(["flat", "program"])(
    "answers the same by %s",
    async (which) => {
      for (const [about, attempt] of Object.entries(attempts)) {
        const expected = /right|LOGIN/.test(about) ? "235" : "535";
        expect([about, ...(await codes(which, attempt))]).toEqual([about, expected, expected]);
      }
    },
    60_000,
  );

  it("answers the same by CRAM-MD5", async () => {
    expect(await codes("flat", cram("geheim"))).toEqual(["235", "235"]);
    expect(await codes("flat", cram("gehein"))).toEqual(["535", "535"]);
  });

  it("differs on a plain line: qpsmtpd takes the password there, the relay never", async () => {
    for (const [servers, code] of [
      [theirs, "235"],
      [relays, "538"],
    ] as const) {
      const { client } = await begin(servers["flat"]?.port ?? 0);
      expect((await client.command(`AUTH PLAIN ${plain(user, "geheim")}`, 20_000))?.slice(0, 3)).toBe(code);
      client.close();
    }
  });
});
