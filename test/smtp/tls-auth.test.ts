import { execFile } from "node:child_process";
import { scryptSync } from "node:crypto";

import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { ask, base64, begin, beginTls, plain, probeConfig, probeFiles } from "./tls-fixture.ts";

const own = makeSelfSigned(["mx.kontor.example", "127.0.0.1"], { from: new Date(Date.now() - 3_600_000), days: 30 });

function hashOf(password: string): string {
  const salt = Buffer.from("0123456789abcdef");
  const text = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=10,r=8,p=1$${text(salt)}$${text(scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 }))}`;
}

const secrets = { alice: "geheim-4711-alice", wrong: "falsch-0815-guess", script: "script-2342-pass" };

/** A checkpassword program in sh: knows carol, is unavailable for dave, is misused by erin, hangs for frank. */
const program = `#!/bin/sh
data=$(tr '\\000' '\\n' <&3)
user=$(echo "$data" | sed -n 1p)
password=$(echo "$data" | sed -n 2p)
echo "$user $password" >&2
case $user in
dave) exit 111 ;;
erin) exit 2 ;;
frank) sleep 60 ;;
esac
[ "$user/$password" = "carol/${secrets.script}" ] || exit 1
exec 3<&-
exec "$@"
`;

const files = {
  ...probeFiles,
  "cert.pem": own.certificate,
  "key.pem": own.key,
  passwords: { text: `alice:${hashOf(secrets.alice)}\nülrich@kontor.example:${hashOf("ö")}\n`, mode: 0o600 },
  program: { text: program, mode: 0o755 },
};

const quick = 'passwords = "passwords"\nfailure_delay = "10ms"';

interface Wishes {
  readonly auth?: string;
  readonly more?: string;
  readonly listener?: string;
}

function config({ auth = quick, more = "", listener = "" }: Wishes): string {
  return `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[auth]\n${auth}\n[log]\nlevel = "debug"\n${probeConfig}${more}
[[listener]]\nname = "submission"\nlisten = ["127.0.0.1:0"]\nauth = true\n${listener}`;
}

const right = `AUTH PLAIN ${plain("alice", secrets.alice)}`;
const wrong = `AUTH PLAIN ${plain("alice", secrets.wrong)}`;
const yes = "235 2.7.0 Authentication successful";
const no = "535 5.7.8 Authentication credentials invalid";
const later = "454 4.7.0 Temporary authentication failure";
const malformed = "501 5.5.2 Cannot decode the response";

describe("AUTH", () => {
  const running: TestRelay[] = [];
  afterEach(async () => {
    for (const relay of running.splice(0)) {
      await relay.stop();
      // Whatever the test did: no password, in no form, at any level.
      const log = relay.log.join("\n");
      for (const secret of Object.values(secrets)) {
        for (const form of [secret, base64(secret), encodeURIComponent(secret), Buffer.from(secret).toString("hex")]) {
          expect(log).not.toContain(form);
        }
        for (const user of ["alice", "carol", "dave", "erin"]) {
          expect(log).not.toContain(plain(user, secret).slice(8, -4));
        }
      }
    }
  });
  async function start(wishes: Wishes = {}, options: Partial<TestRelayOptions> = {}): Promise<TestRelay> {
    const relay = await startTestRelay({ config: config(wishes), files, ...options });
    running.push(relay);
    return relay;
  }

  it("is offered under TLS only: 538 before STARTTLS", async () => {
    const { port } = await start();
    const { client, features } = await begin(port);
    expect(features).not.toContain("AUTH");
    expect(await client.command(right)).toBe("538 5.7.11 Encryption required: send STARTTLS first");
    expect(await client.command("AUTH LOGIN")).toMatch(/^538 /);
    client.close();
    const { client: secure, features: offered } = await beginTls(port);
    expect(offered).toContain("250 AUTH PLAIN LOGIN");
    secure.close();
  });

  it("is not known where the listener does not offer it", async () => {
    const { port } = await start({ listener: '[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\n' });
    const relay = running[0];
    const { client, features } = await beginTls(relay?.ports[1] ?? 0);
    expect(features).not.toContain("AUTH");
    expect(await client.command(right)).toMatch(/^502 /);
    client.close();
    expect(relay?.port).toBe(port);
  });

  it("takes PLAIN in one line and in two, and LOGIN with and without the user name", async () => {
    const { port } = await start();
    const dialogues = [
      [right],
      [`auth plain ${plain("alice", secrets.alice, "alice")}`],
      ["AUTH PLAIN", plain("alice", secrets.alice)],
      ["AUTH LOGIN", base64("alice"), base64(secrets.alice)],
      [`AUTH LOGIN ${base64("alice")}`, base64(secrets.alice)],
      [`AUTH PLAIN ${plain("ülrich@kontor.example", "ö")}`],
    ];
    for (const lines of dialogues) {
      const { client } = await beginTls(port);
      const replies: (string | undefined)[] = [];
      for (const line of lines) {
        replies.push(await client.command(line));
      }
      expect(replies.at(-1)).toBe(yes);
      expect(replies.slice(0, -1).every((reply) => reply?.startsWith("334 "))).toBe(true);
      client.close();
    }
  });

  it("gives a logged-in session its variables, and a second AUTH 503", async () => {
    const { port } = await start();
    const { client } = await beginTls(port);
    expect(await ask(client)).toContain("user=none method=none relay=none bypass=none");
    expect(await client.command(right)).toBe(yes);
    expect(await ask(client)).toContain("user=alice method=plain relay= bypass= tls=TLSv1.3");
    expect(await client.command(right)).toBe("503 5.5.1 AUTH is out of place here");
    expect(await client.command("EHLO again")).not.toContain("AUTH");
    // EHLO and RSET end a transaction, not a login.
    expect(await ask(client)).toContain("user=alice");
    client.close();
  });

  it("gives RELAYCLIENT and NOGOODMAILTO only where so configured", async () => {
    const { port } = await start({ auth: `${quick}\nrelay = false\nbypass = false` });
    const { client } = await beginTls(port);
    await client.command("AUTH LOGIN");
    await client.command(base64("alice"));
    expect(await client.command(base64(secrets.alice))).toBe(yes);
    expect(await ask(client)).toContain("user=alice method=login relay=none bypass=none");
    client.close();
  });

  it("is out of place before EHLO and during a transaction", async () => {
    const { port } = await start();
    const { client } = await begin(port);
    await client.command("STARTTLS");
    await client.startTls();
    expect(await client.command(right)).toMatch(/^503 /);
    await client.command("EHLO client.test");
    await client.command("MAIL FROM:<a@sender.test>");
    expect(await client.command(right)).toMatch(/^503 /);
    await client.command("RSET");
    expect(await client.command(right)).toBe(yes);
    client.close();
  });

  it("answers what is malformed with 501, an abort too, and goes on", async () => {
    const { port } = await start();
    const { client } = await beginTls(port);
    const lines: readonly (readonly string[])[] = [
      ["AUTH PLAIN =", malformed],
      ["AUTH PLAIN !!!!", malformed],
      ["AUTH PLAIN YQ", malformed],
      [`AUTH PLAIN ${base64("alice")}`, malformed],
      [`AUTH PLAIN ${base64(`\0alice\0${secrets.alice}\0`)}`, malformed],
      [`AUTH PLAIN ${base64(`\0alice\0\0${secrets.alice}`)}`, malformed],
      [`AUTH PLAIN ${plain("alice", secrets.alice, "bob")}`, malformed],
      [`AUTH PLAIN ${plain("", secrets.alice)}`, malformed],
      [`AUTH PLAIN ${plain("alice\r\nQUIT", secrets.alice)}`, malformed],
      [`AUTH PLAIN ${plain("alice", "x".repeat(1025))}`, malformed],
      [`AUTH PLAIN ${Buffer.from("\0alice\0\xff\xfe", "latin1").toString("base64")}`, malformed],
      [`${right} more`, malformed],
      ["AUTH CRAM-MD5", "504 5.5.4 Unknown authentication method"],
      ["AUTH", "504 5.5.4 Unknown authentication method"],
    ];
    for (const [line = "", reply] of lines) {
      expect(await client.command(line)).toBe(reply);
    }
    client.close();
    const { client: second } = await beginTls(port);
    const aborted = "501 5.7.0 Authentication aborted";
    for (const exchange of [
      ["AUTH PLAIN", "*"],
      ["AUTH LOGIN", "*"],
      ["AUTH LOGIN", base64("alice"), "*"],
    ]) {
      const replies: (string | undefined)[] = [];
      for (const line of exchange) {
        replies.push(await second.command(line));
      }
      expect(replies.at(-1)).toBe(aborted);
    }
    // What looks like a command within an exchange is a response.
    await second.command("AUTH LOGIN");
    expect(await second.command("QUIT")).toMatch(/^(334|501) /);
    await second.command("*");
    await second.command("AUTH LOGIN");
    await second.command(base64("alice"));
    expect(await second.command(`${base64("a\0b")}`)).toBe(malformed);
    expect(await second.command(right)).toBe(yes);
    second.close();
  });

  it("ends a session whose response line never ends", async () => {
    const { port } = await start();
    const { client } = await beginTls(port);
    await client.command("AUTH PLAIN");
    client.write("QUJD".repeat(10_000));
    expect(await client.reply()).toBe("421 4.5.2 Line too long");
    client.close();
  });

  it("refuses wrong, unknown and empty alike, and counts them as errors of the session", async () => {
    const { port, log, metrics } = await start({ more: "[limits]\nsession_errors = 4\n" });
    const { client } = await beginTls(port);
    expect(await client.command(wrong)).toBe(no);
    expect(await client.command(`AUTH PLAIN ${plain("nobody", secrets.wrong)}`)).toBe(no);
    expect(await client.command(`AUTH PLAIN ${plain("alice", "")}`)).toBe(no);
    client.write(`${wrong}\r\n`);
    expect(await client.reply()).toBe(no);
    expect(await client.reply()).toBe("421 4.7.0 Too many errors");
    expect(await client.closed()).toBe(true);
    expect(log.filter((line) => line.startsWith("auth: refused"))).toHaveLength(4);
    expect(metrics.totals()['logins{result="refused"}']).toBe(4);
    expect(log.join("\n")).toMatch(/auth: refused session=\S+ ip=127\.0\.0\.1 user=alice method=PLAIN/);
  });

  it("delays each wrong password longer, and shuts a client out over sessions until a right one is no help either", async () => {
    const relay = await start({ auth: 'passwords = "passwords"\nmax_failures = 3\nfailure_delay = "80ms"' });
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { client } = await beginTls(relay.port);
      const began = performance.now();
      expect(await client.command(wrong)).toBe(no);
      times.push(performance.now() - began);
      client.close();
    }
    expect(times.map((time, i) => time >= 80 * 2 ** i - 2)).toEqual([true, true, true]);
    const { client } = await beginTls(relay.port);
    expect(await client.command(right)).toBe(later);
    expect(relay.log.join("\n")).toMatch(/limit="auth failures"/);
    // A reload forgives nobody.
    relay.reload(config({ auth: `${quick}\nmax_failures = 3` }));
    client.close();
    const { client: after } = await beginTls(relay.port);
    expect(await after.command(right)).toBe(later);
    after.close();
    // Another address is another client.
    const other = await SmtpClient.open(relay.port, "127.0.0.2");
    await other.reply();
    await other.command("EHLO other.test");
    await other.command("STARTTLS");
    await other.startTls();
    await other.command("EHLO other.test");
    expect(await other.command(right)).toBe(yes);
    other.close();
  });

  it("lets a burst of guesses have no more tries than the limit and the places", async () => {
    const { port, log } = await start({ auth: 'passwords = "passwords"\nfailure_delay = "1ms"\nmax_failures = 2' });
    const clients = await Promise.all(Array.from({ length: 24 }, () => beginTls(port)));
    const replies = await Promise.all(clients.map(({ client }) => client.command(wrong)));
    clients.forEach(({ client }) => client.close());
    expect(replies.every((reply) => reply === no || reply === later)).toBe(true);
    expect(replies.filter((reply) => reply === no).length).toBeLessThanOrEqual(10);
    expect(log.filter((line) => line.startsWith("auth: refused")).length).toBeLessThanOrEqual(10);
  });

  it("asks a checkpassword program about users that the file does not name", async () => {
    const auth = `${quick}\ncommand = ["{folder}/program", "/bin/true"]\ntimeout = "2s"`;
    const { port, log } = await start({ auth });
    const { client } = await beginTls(port);
    const login = (user: string, password: string): Promise<string | undefined> =>
      client.command(`AUTH PLAIN ${plain(user, password)}`);
    expect(await login("dave", secrets.script)).toBe(later);
    expect(await login("erin", secrets.script)).toBe(later);
    expect(await login("carol", secrets.wrong)).toBe(no);
    // The file has alice: the program is not asked.
    expect(await login("alice", secrets.script)).toBe(no);
    expect(await login("frank", secrets.script)).toBe(later);
    expect(await login("carol", secrets.script)).toBe(yes);
    client.close();
    expect(log.join("\n")).toContain('why="command: temporary failure (exit 111)"');
    expect(log.join("\n")).toContain("no answer within 2000 ms");
  });

  it("shows an empty password to no program, which may take it for anonymous", async () => {
    const { port } = await start({ auth: 'command = ["/bin/true"]\nfailure_delay = "10ms"' });
    const { client } = await beginTls(port);
    expect(await client.command(`AUTH PLAIN ${plain("anybody", "")}`)).toBe(no);
    await client.command(`AUTH LOGIN ${base64("anybody")}`);
    expect(await client.command("")).toBe(no);
    expect(await client.command(`AUTH PLAIN ${plain("anybody", secrets.wrong)}`)).toBe(yes);
    client.close();
  });

  it("takes a login back where a check of the auth hook refuses it", async () => {
    const smtpplugins = "[mail]\n./probe\n[auth]\n./noauth\n";
    const noauth = {
      text: "#!/bin/sh\necho SRELAYCLIENT=\necho SSEEN=$SMTPAUTHUSER\necho 'E535 5.7.8 Not from here'\n",
      mode: 0o755,
    };
    const { port } = await start({}, { files: { ...files, smtpplugins, noauth } });
    const { client } = await beginTls(port);
    expect(await client.command(right)).toBe("535 5.7.8 Not from here");
    expect(await ask(client)).toContain("user=none method=none relay=none bypass=none");
    expect(await client.command("EHLO again")).toContain("AUTH PLAIN LOGIN");
    client.close();
  });

  it("goes on when the client leaves while its password is checked", async () => {
    const { port, log } = await start({ auth: 'passwords = "passwords"\nfailure_delay = "300ms"' });
    const { client } = await beginTls(port);
    client.write(`${wrong}\r\n`);
    client.close();
    const { client: next } = await beginTls(port);
    expect(await next.command(right)).toBe(yes);
    next.close();
    expect(log.join("\n")).not.toContain("internal error in a session");
  });

  it("does not start with a password file that has faults, and refuses a reload to one", async () => {
    const bad = { ...files, passwords: `alice:${hashOf("x")}\nbob:plain\n` };
    await expect(startTestRelay({ config: config({}), files: bad })).rejects.toThrow(/passwords:2: the entry of "bob"/);
  });

  it.skipIf(missing("swaks", "Net::SSLeay"))("serves swaks, from AUTH to delivery", async () => {
    const hop = await startNextHop();
    const more = `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;
    const { port } = await start({ more });
    const swaks = (method: string, password: string): Promise<{ code: number; output: string }> => {
      const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
      const words = ["-tls", "-a", method, "-au", "alice", "-ap", password, "-s", "127.0.0.1", "-p", String(port)];
      const envelope = ["-f", "alice@kontor.example", "-t", "someone@elsewhere.test", "--ehlo", "client.test"];
      execFile("swaks", [...words, ...envelope], { timeout: 20_000 }, (error, output) =>
        resolve({ code: error === null ? 0 : Number(error.code), output }),
      );
      return promise;
    };
    for (const method of ["PLAIN", "LOGIN"]) {
      expect(await swaks(method, secrets.alice)).toMatchObject({ code: 0 });
    }
    const refused = await swaks("PLAIN", secrets.wrong);
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("535 5.7.8");
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([
      ["someone@elsewhere.test"],
      ["someone@elsewhere.test"],
    ]);
    // RFC 3848: what the Received field says of the session.
    expect(hop.received[0]?.message.toString()).toMatch(/with ESMTPSA/);
    expect(hop.violations).toEqual([]);
    await hop.close();
  });
});
