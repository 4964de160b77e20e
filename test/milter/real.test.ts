/** The check milter with milters of the world: opendkim, opendmarc, rspamd and clamav-milter. */
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { MailScene } from "../checks/scanners/mail-scene.ts";
import { Clamd, eicar } from "../fakes/clamd.ts";
import { startMilterProgram } from "../fakes/milter.ts";
import type { MilterProgram } from "../fakes/milter.ts";
import { missing } from "../fakes/need.ts";
import { startRspamd } from "../fakes/rspamd.ts";
import type { Rspamd } from "../fakes/rspamd.ts";
import { gtube } from "../fakes/spamd.ts";

const message =
  "From: Ann <ann@far.example>\r\nSubject:  odd \xfc\r\n\tfolded\r\nX-Tight:x\r\n\r\n..dot\r\n \r\n\xe9 \r\n\r\n";

let scene: MailScene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

/** Starts a program with a file of settings. @param lines of the file, without its socket */
function start(program: string, options: readonly string[], lines: (folder: string) => readonly string[]) {
  return startMilterProgram((port, folder) => {
    chmodSync(folder, 0o755);
    const config = join(folder, "config");
    const socket = `${program === "clamav-milter" ? "MilterSocket" : "Socket"} inet:${port}@127.0.0.1`;
    writeFileSync(config, `${[socket, ...lines(folder)].join("\n")}\n`);
    return [program, ...options, config];
  });
}

describe.skipIf(missing("opendkim") || missing("opendmarc"))("milters of authentication", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
  let signer: MilterProgram;
  let verifier: MilterProgram;
  let dmarc: MilterProgram;

  beforeAll(async () => {
    const opendkim = ["-f", "-x"];
    const common = ["Syslog no", "UMask 022"];
    [signer, verifier, dmarc] = await Promise.all([
      start("opendkim", opendkim, (folder) => {
        const key = join(folder, "key.pem");
        writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
        return [...common, "Mode s", "Domain far.example", "Selector one", `KeyFile ${key}`, "RequireSafeKeys no"];
      }),
      start("opendkim", opendkim, (folder) => {
        writeFileSync(join(folder, "keys"), `one._domainkey.far.example ${record}\n`);
        writeFileSync(join(folder, "none"), "192.0.2.1\n");
        const internal = `InternalHosts ${join(folder, "none")}`;
        return [
          ...common,
          "Mode v",
          "AuthservID mx.kontor.example",
          internal,
          `TestPublicKeys ${join(folder, "keys")}`,
        ];
      }),
      start("opendmarc", ["-f", "-c"], (folder) => {
        writeFileSync(join(folder, "none"), "192.0.2.1\n");
        return ["Syslog no", "AuthservID mx.kontor.example", `IgnoreHosts ${join(folder, "none")}`, "DNSTimeout 1"];
      }),
    ]);
  }, 60_000);
  afterAll(() => Promise.all([signer, verifier, dmarc].map((one) => one.close())));

  const open = async (...milters: readonly MilterProgram[]): Promise<MailScene> =>
    (scene = await MailScene.start(
      Object.fromEntries(milters.map(({ url }, i) => [`milter:m${i}`, `url = "${url}"\ndefault_action = "defer"`])),
    ));

  it("signs with opendkim what then verifies, byte for byte", async () => {
    const one = await open(signer);
    expect(await one.send(message)).toMatch(/^250/);
    const signed = one.delivered();
    expect(signed).toMatch(/^DKIM-Signature: /);
    const resolver = async (): Promise<string[][]> => [[record]];
    const { results } = await dkimVerify(Buffer.from(signed, "latin1"), { resolver });
    expect(results.map(({ status }) => status.result)).toEqual(["pass"]);
    expect(signed.slice(signed.indexOf("From: "))).toBe(message.replace("\r\n..dot", "\r\n.dot"));
  });

  it("verifies with a second opendkim what the first has signed, and asks opendmarc about its result", async () => {
    const all = await open(signer, verifier, dmarc);
    expect(await all.send(message)).toMatch(/^250/);
    expect(all.delivered()).toMatch(/^Authentication-Results: mx\.kontor\.example;\s+dkim=pass/m);
    expect(all.delivered()).toMatch(/^Authentication-Results: mx\.kontor\.example; dmarc=/m);
  });

  it("tells opendkim of recipients of relay clients elsewhere, whose mail it signs", async () => {
    scene = await MailScene.start(
      { milter: `url = "${signer.url}"` },
      { config: '[[listener]]\nname = "smtp"\nlisten = ["127.0.0.1:0"]\nvariables = { RELAYCLIENT = "" }' },
    );
    expect(await scene.send(message, ["carl@away.example"])).toMatch(/^250/);
    expect(scene.delivered()).toMatch(/^DKIM-Signature: /);
  });
});

describe.skipIf(missing("rspamd"))("rspamd's worker rspamd_proxy", () => {
  let rspamd: Rspamd;
  beforeAll(async () => {
    rspamd = await startRspamd(true);
  }, 90_000);
  afterAll(() => rspamd.close());

  it.each(["tcp", "unix"])("refuses, marks, rewrites the Subject and passes, over %s", async (over) => {
    const one = (scene = await MailScene.start({
      milter: `url = "${rspamd.milters[over === "tcp" ? 0 : 1]}"\ndefault_action = "defer"`,
    }));
    const plain = "From: ann@far.example\r\nSubject: hello\r\nX-Spam: forged\r\n\r\n..dot\r\n";
    // Its own test texts: X rejects, Y adds a header, Z rewrites the Subject.
    const test = (letter: string): string => `${plain}${gtube.replace(/^X/, letter)}\r\n`;
    expect(await one.send(test("X"))).toBe("554 5.7.1 Gtube pattern");
    const client = await one.greet();
    for (const message of [test("Y"), test("Z"), plain]) {
      for (const line of ["MAIL FROM:<ann@far.example> BODY=8BITMIME", "RCPT TO:<anna@kontor.example>", "DATA"]) {
        expect(await client.command(line)).toMatch(/^(?:250|354)/);
      }
      expect(await client.command(`${message}.`)).toMatch(/^250/);
    }
    client.close();
    expect(one.delivered(1)).toMatch(/^X-Spam: Yes\r$/m);
    expect(one.delivered(2)).toMatch(/^Subject: \*\*\* SPAM \*\*\* hello\r$/m);
    expect(one.delivered(3)).toBe(plain.replace("\r\n..dot", "\r\n.dot"));
  });
});

describe.skipIf(missing("clamav-milter") || missing("clamd"))("clamav-milter", () => {
  it("refuses a virus, marks what is clean, and defers while clamd is away", async () => {
    const clamd = await Clamd.start();
    const program = await start("clamav-milter", ["-c"], () => [
      `ClamdSocket unix:${clamd.path}`,
      "Foreground yes",
      "OnInfected Reject",
      "OnFail Defer",
      "AddHeader Replace",
      "RejectMsg Virus %v",
    ]);
    try {
      scene = await MailScene.start({ milter: `url = "${program.url}"` });
      expect(await scene.send(`${message}${eicar}\r\n`)).toMatch(/^550 5\.7\.1 Virus Eicar-Test-Signature/);
      expect(await scene.send(`X-Virus-Status: Infected\r\n${message}`)).toMatch(/^250/);
      expect(scene.delivered()).toMatch(/^X-Virus-Status: Clean\r$/m);
      expect(scene.delivered()).not.toContain("Infected");
      await clamd.close();
      expect(await scene.send(message)).toMatch(/^451 4\.7\.1 Service unavailable/);
    } finally {
      await program.close();
      await clamd.close();
    }
  }, 60_000);
});
