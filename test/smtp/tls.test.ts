import { execFile, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { createAuthority } from "../fakes/certificates.ts";
import type { Authority } from "../fakes/certificates.ts";
import { missing } from "../fakes/need.ts";
import { settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { main } from "../program.ts";
import { ask, begin, beginTls, probeConfig, probeFiles } from "./tls-fixture.ts";

const pair = (name: string): { certificate: string; key: string } =>
  makeSelfSigned([name, "127.0.0.1"], { from: new Date(Date.now() - 3_600_000), days: 30 });
const first = pair("first.example");
const files = { ...probeFiles, "cert.pem": first.certificate, "key.pem": first.key };
const tls = '[tls]\ncert = "cert.pem"\nkey = "key.pem"\n';

function listener(name: string, kind: string): string {
  return `[[listener]]\nname = "${name}"\nlisten = ["127.0.0.1:0"]\ntls = "${kind}"\n`;
}

function smtp(more: string): string {
  return `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nshutdown_timeout = "1s"\n${more}\n`;
}

/** The common name of the certificate that a TLS client is shown. */
function shown(socket: TLSSocket): string {
  return new X509Certificate(socket.getPeerCertificate().raw).subject;
}

async function handshake(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** Waits for the other side to end, throwing away what it says; in ms. */
async function lifetime(socket: Socket): Promise<number> {
  const start = performance.now();
  socket.on("error", () => undefined).resume();
  if (!socket.destroyed) {
    await once(socket, "close");
  }
  return performance.now() - start;
}

describe("TLS", () => {
  const running: TestRelay[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((relay) => relay.stop()));
  });
  async function start(options: TestRelayOptions): Promise<TestRelay> {
    const relay = await startTestRelay(options);
    running.push(relay);
    return relay;
  }

  it("is not offered without a certificate of ours", async () => {
    const { port } = await start({ config: "" });
    const { client, features } = await begin(port);
    expect(features).not.toContain("STARTTLS");
    expect(await client.command("STARTTLS")).toBe("500 5.5.2 Command not recognised");
    client.close();
  });

  it("is offered with one, once, and shows it", async () => {
    const { port } = await start({ config: tls + probeConfig, files });
    const { client, features } = await begin(port);
    expect(features).toContain("250 STARTTLS");
    expect(features).not.toContain("AUTH");
    expect(await client.command("STARTTLS now")).toMatch(/^501 /);
    expect(await client.command("STARTTLS")).toMatch(/^220 /);
    await client.startTls({ ca: first.certificate, rejectUnauthorized: true, servername: "first.example" });
    expect(await client.command("EHLO client.test")).not.toContain("STARTTLS");
    expect(await client.command("STARTTLS")).toMatch(/^500 /);
    expect(await ask(client)).toMatch(/tls=TLSv1\.3 subject=none helo=client\.test mark=none$/);
    client.close();
  });

  it("drops what came in plain text behind STARTTLS in the same packet", async () => {
    const { port, log } = await start({ config: `${tls + probeConfig}[log]\nlevel = "debug"\n`, files });
    const { client } = await begin(port);
    client.write(
      "STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<injected@evil.test>\r\nRCPT TO:<postmaster@kontor.example>\r\n",
    );
    expect(await client.reply()).toBe("220 2.0.0 Ready to start TLS");
    await client.startTls();
    // Were one of them answered or remembered, this would not be the first reply, or not this one.
    expect(await client.command("MAIL FROM:<probe@sender.test>")).toBe("503 5.5.1 Send HELO or EHLO first");
    expect(await client.command("EHLO client.test")).toMatch(/^250-mx/);
    expect(await ask(client)).toContain("helo=client.test ");
    expect(log.join("\n")).not.toContain("injected");
    client.close();
  });

  it("forgets what it knew of the client, and what checks made of that", async () => {
    const { port } = await start({ config: tls + probeConfig, files });
    const { client } = await begin(port, "friend");
    // "A" has switched the checks off: the probe is not asked.
    expect(await ask(client)).toBe("250 2.1.0 Sender OK");
    expect(await client.command("STARTTLS")).toMatch(/^220 /);
    await client.startTls();
    expect(await client.command("RCPT TO:<x@kontor.example>")).toMatch(/^503 /);
    await client.command("EHLO stranger");
    expect(await ask(client)).toMatch(/relay=none bypass=none tls=TLSv1\.3 subject=none helo=stranger mark=none$/);
    client.close();
  });

  it("is spoken from the first byte at an implicit listener", async () => {
    const { port } = await start({ config: tls + probeConfig + listener("smtps", "implicit"), files });
    const client = await SmtpClient.openTls(port);
    expect(await client.reply()).toMatch(/^220 /);
    expect(await client.command("EHLO client.test")).not.toContain("STARTTLS");
    expect(await ask(client)).toContain("tls=TLSv1.3 ");
    client.close();
  });

  it("speaks 1.2 and 1.3 and nothing older, and 1.3 alone where so configured", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
    const config = tls + listener("smtps", "implicit");
    const { port, reload } = await start({ config, files });
    await expect(handshake(port, old)).rejects.toThrow(/protocol version/);
    const two = await handshake(port, { maxVersion: "TLSv1.2" });
    expect(two.getProtocol()).toBe("TLSv1.2");
    two.destroy();
    reload(config.replace("[tls]", '[tls]\nmin_version = "TLSv1.3"'));
    await expect(handshake(port, { maxVersion: "TLSv1.2" })).rejects.toThrow(/protocol version/);
    const three = await handshake(port);
    expect(three.getProtocol()).toBe("TLSv1.3");
    three.destroy();
  });

  it("shows a renewed certificate after a reload, and sessions go on", async () => {
    const config = `${tls}${listener("smtps", "implicit")}${listener("mx", "starttls")}`;
    const relay = await start({ config, files });
    const [smtps = 0, mx = 0] = relay.ports;
    const session = await SmtpClient.openTls(smtps);
    await session.reply();
    const { client: waiting } = await begin(mx);
    const second = pair("second.example");
    writeFileSync(join(relay.folder, "cert.pem"), second.certificate);
    writeFileSync(join(relay.folder, "key.pem"), second.key);
    relay.reload(config);
    expect(await session.command("EHLO client.test")).toMatch(/^250-/);
    session.close();
    const fresh = await handshake(smtps);
    expect(shown(fresh)).toBe("CN=second.example");
    fresh.destroy();
    // A session that began before, and starts TLS only now.
    await waiting.command("STARTTLS");
    await waiting.startTls({ ca: second.certificate, rejectUnauthorized: true, servername: "second.example" });
    expect(await waiting.command("NOOP")).toMatch(/^250 /);
    waiting.close();
  });

  it("reads the renewed files at SIGHUP, as a process of its own", async () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-sighup-"));
    const write = ({ certificate, key }: { certificate: string; key: string }): void => {
      writeFileSync(join(folder, "cert.pem"), certificate);
      writeFileSync(join(folder, "key.pem"), key);
    };
    write(first);
    const snapshot = '[snapshot]\npath = "none.sqlite"\n';
    writeFileSync(join(folder, "goodmailto.toml"), smtp("") + tls + snapshot + listener("smtps", "implicit"));
    const words = [main, "serve", "--config", join(folder, "goodmailto.toml")];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    const said = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const match = pattern.exec(log);
        if (match !== null) {
          return match[1] ?? "";
        }
        await once(child.stderr, "data", { signal: AbortSignal.timeout(20_000) });
      }
    };
    child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const port = Number(await said(/listen=127\.0\.0\.1:(\d+)/));
    const session = await SmtpClient.openTls(port);
    await session.reply();
    write(pair("second.example"));
    child.kill("SIGHUP");
    await said(/relay: (reloaded)/);
    const fresh = await handshake(port);
    expect(shown(fresh)).toBe("CN=second.example");
    fresh.destroy();
    expect(await session.command("NOOP")).toMatch(/^250 /);
    session.close();
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    expect((await gone)[0]).toBe(0);
    rmSync(folder, { recursive: true });
  });

  it("keeps the old certificate when the new pair does not fit", async () => {
    const config = tls + listener("smtps", "implicit");
    const relay = await start({ config, files });
    writeFileSync(join(relay.folder, "key.pem"), pair("other.example").key);
    expect(() => relay.reload(config)).toThrow(
      /^\[tls\] key: ".*key\.pem" is not the key of the certificate ".*cert\.pem"$/,
    );
    const socket = await handshake(relay.port);
    expect(shown(socket)).toBe("CN=first.example");
    socket.destroy();
  });

  it("holds no slot for a handshake that stalls or drips, and lets one client hold only so many", async () => {
    const config =
      smtp('idle_timeout = "1500ms"\nmax_connections_per_client = 3') + tls + listener("smtps", "implicit");
    const { port } = await start({ config, files });
    const stalled = connect(port, "127.0.0.1");
    const dripping = connect(port, "127.0.0.1");
    const third = connect(port, "127.0.0.1");
    await Promise.all([stalled, dripping, third].map((socket) => once(socket, "connect")));
    // A record of 16 kB that never gets whole, a byte every 100 ms.
    dripping.write(Buffer.from([0x16, 0x03, 0x01, 0x3f, 0xff]));
    const drip = setInterval(() => (dripping.writable ? dripping.write("\x01") : undefined), 100);
    const ends = Promise.all([stalled, dripping, third].map(lifetime));
    const fourth = connect(port, "127.0.0.1");
    expect(await lifetime(fourth)).toBeLessThan(1000);
    const times = await ends;
    clearInterval(drip);
    expect(Math.max(...times)).toBeLessThan(6000);
    const client = await SmtpClient.openTls(port);
    expect(await client.reply()).toMatch(/^220 /);
    client.close();
  });

  it("holds no slot for a client that ends the connection in its handshake", async () => {
    const { ports } = await start({
      config: smtp("max_connections_per_client = 1") + tls + listener("smtps", "implicit") + listener("mx", "starttls"),
      files,
    });
    const [implicit = 0, plain = 0] = ports;
    for (const bytes of ["", "\x16\x03\x01"]) {
      const first = connect(implicit, "127.0.0.1");
      await once(first, "connect");
      first.end(Buffer.from(bytes, "latin1"));
      expect(await lifetime(first)).toBeLessThan(5000);
      // FIN without a byte behind STARTTLS, or in the middle of a record.
      const second = connect({ port: plain, host: "127.0.0.1", allowHalfOpen: true });
      await once(second, "data");
      second.write("STARTTLS\r\n");
      await once(second, "data");
      second.end(Buffer.from(bytes, "latin1"));
      expect(await lifetime(second)).toBeLessThan(5000);
    }
    const { client } = await beginTls(plain);
    client.close();
  });

  it("counts handshakes with the sessions of a client, on all listeners", async () => {
    const { ports, log } = await start({
      config: smtp("max_connections_per_client = 2") + tls + listener("smtps", "implicit") + listener("mx", "starttls"),
      files,
    });
    const [implicit = 0, plain = 0] = ports;
    const { client } = await begin(plain);
    const shaking = connect(implicit, "127.0.0.1");
    await once(shaking, "connect");
    const third = await SmtpClient.open(plain);
    expect(await third.reply()).toBe("421 4.7.0 Too many connections");
    expect(await lifetime(connect(implicit, "127.0.0.1"))).toBeLessThan(5000);
    expect(log.join("\n")).toMatch(/limit="connections per client"/);
    // The slot of a handshake becomes that of its session: not one more.
    const secure = connectTls({ socket: shaking, rejectUnauthorized: false });
    expect(String((await once(secure, "data"))[0])).toMatch(/^220 /);
    for (const each of [client, third]) {
      each.close();
    }
    secure.destroy();
    const knock = async (): Promise<string | undefined> => {
      const last = await SmtpClient.openTls(implicit);
      const said = await last.reply();
      last.close();
      return said;
    };
    await expect.poll(knock, { timeout: 5000 }).toMatch(/^220 /);
  });

  it("ends a session whose handshake after STARTTLS stalls, and one that sends garbage", async () => {
    const { port, log } = await start({ config: smtp('idle_timeout = "1s"') + tls, files });
    for (const bytes of ["", "\x16\x03\x01\x3f\xff\x01\x02", "EHLO in.the.clear\r\n"]) {
      const socket = connect(port, "127.0.0.1");
      socket.setEncoding("latin1");
      await once(socket, "data");
      socket.write("STARTTLS\r\n");
      await once(socket, "data");
      socket.write(Buffer.from(bytes, "latin1"));
      expect(await lifetime(socket)).toBeLessThan(6000);
    }
    expect(log.join("\n")).not.toMatch(/internal error in a session/);
    const { client } = await beginTls(port);
    client.close();
  });

  it("stops within its time while handshakes stall", async () => {
    const relay = await startTestRelay({
      config: smtp("") + tls + listener("smtps", "implicit") + listener("mx", "starttls"),
      files,
    });
    const [smtps = 0, mx = 0] = relay.ports;
    const stalled = connect(smtps, "127.0.0.1");
    stalled.on("error", () => undefined);
    await once(stalled, "connect");
    const { client } = await begin(mx);
    expect(await client.command("STARTTLS")).toMatch(/^220/);
    const began = performance.now();
    await relay.stop();
    expect(performance.now() - began).toBeLessThan(4000);
    client.close();
  });

  it("names what is missing for TLS and AUTH in the configuration", () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-tls-"));
    writeFileSync(join(folder, "cert.pem"), first.certificate);
    writeFileSync(join(folder, "key.pem"), first.key);
    const faults = (config: string): string => {
      try {
        settingsOf(config, folder);
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(faults(listener("smtps", "implicit"))).toMatch(/listener "smtps" tls: "implicit" needs \[tls\]/);
    expect(faults(`${tls}${listener("s", "starttls")}auth = true\n`)).toMatch(/listener "s" auth: needs a back end/);
    const command = '[auth]\ncommand = ["/bin/true"]\n';
    expect(faults(`${command}${listener("s", "starttls")}auth = true\n`)).toMatch(
      /listener "\w+" auth: is offered under TLS only/,
    );
    expect(faults(`${command}${tls}${listener("s", "off")}auth = true\n`)).toMatch(
      /listener "\w+" auth: is offered under TLS only/,
    );
    expect(faults(`${command}${tls}${listener("s", "starttls")}auth = true\n`)).toBe("");
    rmSync(folder, { recursive: true });
  });

  describe.skipIf(missing("openssl"))("with openssl", () => {
    let folder: string;
    let ours: Authority;
    let theirs: Authority;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "goodmailto-ca-"));
      ours = await createAuthority(folder, "ours");
      theirs = await createAuthority(folder, "theirs");
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it("tells plugins the subject of a client certificate that our CA vouches for, and of no other", async () => {
      const good = await ours.issue("alice, of O=Kontor", "DNS:alice.example");
      const foreign = await theirs.issue("mallory", "DNS:mallory.example");
      const config = `${tls}ca = "${ours.ca}"\n${probeConfig}${listener("mx", "starttls")}${listener("smtps", "implicit")}`;
      const relay = await start({ config, files });
      const [mx = 0, smtps = 0] = relay.ports;
      const read = ({ certificate, key }: { certificate: string; key: string }): object => ({
        cert: readFileSync(certificate),
        key: readFileSync(key),
      });
      const subject = async (options: object): Promise<string> => {
        const { client } = await beginTls(mx, options);
        const said = await ask(client);
        client.close();
        return / subject=(.*) helo=/.exec(said)?.[1] ?? "";
      };
      expect(await subject(read(good))).toBe("CN=alice\\, of O=Kontor");
      expect(await subject(read(foreign))).toBe("none");
      expect(await subject({})).toBe("none");
      const socket = await handshake(smtps, read(good));
      socket.setEncoding("latin1");
      let text = "";
      socket.on("data", (chunk: string) => (text += chunk));
      socket.write("EHLO client.test\r\nMAIL FROM:<probe@sender.test>\r\nQUIT\r\n");
      await once(socket, "close");
      expect(text).toContain("subject=CN=alice\\, of O=Kontor helo=client.test");
      // Without the CA nobody is asked any more.
      relay.reload(config.replace(/^ca = .*$/m, ""));
      expect(await subject(read(good))).toBe("none");
    });

    it("serves openssl s_client, with STARTTLS and from the first byte", async () => {
      const { certificate, key } = await ours.issue("mx", "DNS:mx.kontor.example");
      const config = `[tls]\ncert = "${certificate}"\nkey = "${key}"\n${listener("mx", "starttls")}${listener("smtps", "implicit")}`;
      const { ports } = await start({ config });
      const talk = (port: number, ...words: string[]): Promise<string> => {
        const { promise, resolve } = Promise.withResolvers<string>();
        const trust = ["-CAfile", ours.ca, "-verify_return_error", "-verify_hostname", "mx.kontor.example"];
        const all = ["s_client", "-connect", `127.0.0.1:${port}`, "-crlf", "-ign_eof", ...trust, ...words];
        const child = execFile("openssl", all, { timeout: 20_000 }, (_error, output, errors) =>
          resolve(output + errors),
        );
        child.stdin?.end("NOOP\nQUIT\n");
        return promise;
      };
      const [mx = 0, smtps = 0] = ports;
      for (const said of [
        await talk(mx, "-starttls", "smtp"),
        await talk(smtps),
        await talk(mx, "-starttls", "smtp", "-tls1_2"),
      ]) {
        expect(said).toContain("Verify return code: 0 (ok)");
        expect(said).toMatch(/250 2\.0\.0 OK\r?\n221 2\.0\.0 Bye/);
      }
      const refused = await talk(mx, "-starttls", "smtp", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
      expect(refused).toMatch(/protocol version/);
    });
  });
});
