/** The main job from end to end: real slapd, `sync` and `serve` in processes of their own, a real SMTP client. */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { configOf, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";

const directories = new URL("../directories/", import.meta.url).pathname;
const bypassAddress = "127.0.0.2";
const ownAddress = "127.0.0.3";

describe.skipIf(missing("slapd"))("goodmailto in front of a directory", () => {
  let slapd: Slapd;
  let hop: NextHop;
  let scene: Scene;
  let config = "";
  let relay: Program;
  let port = 0;
  let snapshot = "";

  beforeAll(async () => {
    scene = new Scene();
    [slapd, hop] = await Promise.all([
      startSlapd({
        suffix: "o=Kontor",
        schemas: ["core", "cosine", "inetorgperson", join(directories, "domino.schema")],
        ldif: readFileSync(join(directories, "domino.ldif"), "utf8"),
      }),
      startNextHop({ keywords: ["PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"] }),
    ]);
    scene.write("password", `${slapd.rootPassword}\n`);
    scene.write(
      "tcp.smtp",
      `${bypassAddress}:allow,NOGOODMAILTO=""\n${ownAddress}:allow,RELAYCLIENT=""\n127.0.0.4:deny\n:allow\n`,
    );
    snapshot = join(scene.folder, "snapshot.sqlite");
    const source = `[[source]]
name = "domino"
type = "ldap"
preset = "domino"
url = ["${slapd.ldap}"]
bind_dn = "${slapd.rootDn}"
password_file = "password"
notes_domain = "KONTOR"
page_size = 7
`;
    const more = `[clients]\nrules = "tcp.smtp"\n\n${source}`;
    config = scene.write("goodmailto.toml", configOf({ hop: hop.port, smtp: 'max_message_size = "20MB"', more }));
    const synced = await scene.call("sync", "--config", config);
    expect(synced.stderr + synced.stdout).toContain("published");
    expect(synced.code).toBe(0);
    ({ program: relay, port } = await scene.serve(config));
  });

  afterAll(async () => {
    await scene?.close();
    await Promise.all([slapd?.stop(), hop?.close()]);
  });

  /** A session up to the answer to RCPT TO. */
  async function ask(recipient: string, from = "127.0.0.1"): Promise<string> {
    const client = await SmtpClient.open(port, from);
    try {
      await client.reply();
      await client.command("EHLO client.example");
      expect(await client.command("MAIL FROM:<someone@sender.example>")).toMatch(/^250 /);
      return (await client.command(`RCPT TO:<${recipient}>`)) ?? "(closed)";
    } finally {
      client.close();
    }
  }

  it("accepts a known address, a short name and an alias, in the relay domain and its alias", async () => {
    expect(await ask("vera.yildiz@kontor.example")).toMatch(/^250 2\.1\.5 /);
    expect(await ask("vyildiz@kontor.example")).toMatch(/^250 2\.1\.5 /);
    expect(await ask("VYildiz@kontor.test")).toMatch(/^250 2\.1\.5 /);
    expect(await ask("alias13@kontor.example")).toMatch(/^250 2\.1\.5 /);
    expect(await ask("postmaster@kontor.example")).toMatch(/^250 2\.1\.5 /);
  });

  it("accepts the names of the directory in UTF-8 from clients with SMTPUTF8", async () => {
    const octets = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
    expect(await ask("vera.yildiz@kontor.example")).toMatch(/^250 /);
    const client = await SmtpClient.open(port);
    await client.reply();
    expect(await client.command("EHLO client.example")).toMatch(/^250[- ]SMTPUTF8\r?$/m);
    await client.command("MAIL FROM:<someone@sender.example> SMTPUTF8");
    // "Dirk Müller" of the directory, in the forms that Domino's router takes.
    for (const user of ["dirk_müller", "DIRK.MÜLLER", "Dirk_Mu\u0308ller"]) {
      expect(await client.command(octets(`RCPT TO:<${user}@kontor.example>`)), user).toMatch(/^250 2\.1\.5 /);
    }
    expect(await client.command(octets("RCPT TO:<dirk_möller@kontor.example>"))).toMatch(/^550 5\.1\.1 /);
    client.close();
    const { stdout } = await scene.call("check", "--config", config, "Dirk.Müller@kontor.example");
    expect(stdout).toMatch(/^Dirk\.Müller@kontor\.example: accepted\n/);
    const explained = await scene.call("explain", "--config", config, "Dirk.Müller@kontor.example");
    expect(explained.stdout).toContain("cn=Dirk Müller,o=Kontor");
  });

  it("refuses an unknown address before the next hop hears of it", async () => {
    const before = hop.connections;
    expect(await ask("nobody@kontor.example")).toBe("550 5.1.1 No such user here");
    expect(hop.connections).toBe(before);
    await relay.until(
      /^goodmailto: host: \S+ from: someone@sender\.example to: nobody \(nobody@kontor\.example\) status: not found$/m,
    );
  });

  it("refuses a foreign domain", async () => {
    expect(await ask("vyildiz@other.example")).toMatch(/^55\d 5\.7\.1 /);
    expect(await ask("vyildiz%other.example@kontor.example")).toMatch(/^55\d /);
  });

  it("goes by client rules: one is not asked for, one may relay, one is dropped", async () => {
    expect(await ask("nobody@kontor.example", bypassAddress)).toMatch(/^250 /);
    expect(await ask("vyildiz@other.example", bypassAddress)).toMatch(/^55\d /);
    expect(await ask("someone@other.example", ownAddress)).toMatch(/^250 /);
    const denied = await SmtpClient.open(port, "127.0.0.4");
    expect(await denied.reply()).toBeUndefined();
    denied.close();
  });

  it("opens when the snapshot is deleted, and closes when it is restored, each within two seconds", async () => {
    const away = `${snapshot}.away`;
    renameSync(snapshot, away);
    await until(
      () => ask("nobody@kontor.example"),
      (reply) => reply.startsWith("250 "),
      2000,
    );
    expect(await ask("vyildiz@other.example")).toMatch(/^55\d /);
    expect((await scene.call("status", "--config", config)).code).toBe(2);
    await relay.until(/snapshot: unavailable, accepting every recipient of the relay domains/);
    renameSync(away, snapshot);
    await until(
      () => ask("nobody@kontor.example"),
      (reply) => reply.startsWith("550 "),
      2000,
    );
    expect((await scene.call("status", "--config", config)).code).toBe(0);
  });

  it("takes up a new snapshot within two seconds", async () => {
    scene.write("more.list", "neue.kollegin\n");
    const more = `${readFileSync(config, "utf8")}\n[[source]]\nname = "extra"\ntype = "list"\nurl = ["more.list"]\n`;
    const withMore = scene.write("more.toml", more);
    expect(await ask("neue.kollegin@kontor.example")).toMatch(/^550 /);
    expect((await scene.call("sync", "--config", withMore)).code).toBe(0);
    await until(
      () => ask("neue.kollegin@kontor.example"),
      (reply) => reply.startsWith("250 "),
      2000,
    );
  });

  it("answers 4xx while the next hop is down, and 250 again afterwards", async () => {
    await hop.listen(false);
    hop.reset();
    expect(await ask("vyildiz@kontor.example")).toMatch(/^451 4\.\d\.\d /);
    expect(await ask("nobody@kontor.example")).toMatch(/^550 /);
    await hop.listen(true);
    await until(
      () => ask("vyildiz@kontor.example"),
      (reply) => reply.startsWith("250 "),
      10_000,
    );
  });

  it("passes 10 MB on byte for byte, with one Received field before them", async () => {
    const message = largeMessage(10_000_000);
    const client = await SmtpClient.open(port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@sender.example>");
    await client.command("RCPT TO:<vyildiz@kontor.example>");
    expect(await client.command("DATA")).toMatch(/^354 /);
    client.write(Buffer.concat([stuff(message), Buffer.from(".\r\n")]));
    expect(await client.reply()).toMatch(/^250 /);
    client.close();
    const taken = hop.received.at(-1)?.message ?? Buffer.alloc(0);
    expect(taken.subarray(-message.length).equals(message)).toBe(true);
    expect(taken.toString("latin1", 0, taken.length - message.length)).toMatch(
      /^Received: [^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n$/,
    );
  });

  it("says by `check` what it says on the wire", async () => {
    const known = await scene.call("check", "--config", config, "vyildiz@kontor.example");
    expect({ code: known.code, says: known.stdout }).toMatchObject({
      code: 0,
      says: expect.stringContaining("accepted"),
    });
    const unknown = await scene.call("check", "--config", config, "nobody@kontor.example");
    expect({ code: unknown.code, says: unknown.stdout }).toMatchObject({
      code: 1,
      says: expect.stringContaining("550 5.1.1"),
    });
  });

  describe.skipIf(missing("swaks"))("with swaks as the client", () => {
    const swaks = (to: string): string[] => {
      const words = [
        "--server",
        "127.0.0.1",
        "--port",
        String(port),
        "--helo",
        "client.example",
        "--from",
        "someone@sender.example",
      ];
      return [...words, "--to", to, "--header", "Subject: from swaks", "--pipeline"];
    };

    it("delivers to a known recipient, over PIPELINING", async () => {
      const { code, stdout } = await scene.run("swaks", swaks("alias13@kontor.example")).ended();
      expect({ code, stdout }).toMatchObject({ code: 0 });
      expect(hop.received.at(-1)?.recipients).toEqual(["alias13@kontor.example"]);
      expect(hop.received.at(-1)?.message.toString()).toContain("Subject: from swaks");
    });

    it("is refused at RCPT for an unknown one", async () => {
      const { code, stdout } = await scene.run("swaks", swaks("nobody@kontor.example")).ended();
      // 24: no recipient was accepted.
      expect(code).toBe(24);
      expect(stdout).toContain("550 5.1.1 No such user here");
    });
  });

  it("told the next hop nothing that is against the protocol", () => {
    expect(hop.violations).toEqual([]);
  });
});

/** Lines of random 8-bit text, some of which begin with dots. */
function largeMessage(size: number): Buffer {
  const text = Buffer.from(
    randomBytes(size)
      .toString("latin1")
      .replace(/[\0\r\n]/g, "x"),
    "latin1",
  );
  const lines = [Buffer.from("Subject: large\r\n\r\n")];
  for (let at = 0; at < text.length; at += 900) {
    lines.push(
      Buffer.from(at % 4 === 0 ? ".." : at % 3 === 0 ? "." : ""),
      text.subarray(at, at + 900),
      Buffer.from("\r\n"),
    );
  }
  return Buffer.concat(lines);
}

/** RFC 5321 4.5.2. */
function stuff(message: Buffer): Buffer {
  return Buffer.from(`\r\n${message.toString("latin1")}`.replaceAll("\r\n.", "\r\n..").slice(2), "latin1");
}
