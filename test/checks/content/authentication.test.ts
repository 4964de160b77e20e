/** What authentication says of real messages with real keys, and what a stranger or a broken name server can make of it. */
import { createPrivateKey } from "node:crypto";

import { dkimSign, sealMessage } from "mailauth";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { digestOf, signatureField } from "../../../src/dkim/signature.ts";
import { keyRecord, makeKey } from "../../../src/dkim/signing-key.ts";
import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";
import { MailScene } from "../scanners/mail-scene.ts";

const keys = { rsa: makeKey("rsa"), ed: makeKey("ed25519") };
const id = "mx.kontor.example";

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text, "latin1");
}

/** A message with a signature on top. */
async function signed(text: string, domain = "far.example", selector = "s", pem = keys.rsa): Promise<string> {
  const key = { domain, selector, key: createPrivateKey(pem) };
  return `${await signatureField(key, await digestOf(once(text)), Date.now())}\r\n${text}`;
}

const letter = (from = "ann@far.example", more = ""): string =>
  `From: Ann <${from}>\r\n${more}Subject: hello\r\n\r\nHello  there.\r\n`;

describe("authentication", () => {
  let dns: FakeDns;
  let scene: MailScene | undefined;
  beforeAll(async () => {
    dns = await startDns();
  });
  afterAll(() => dns.close());
  const open = async (settings = "", limit = "500ms"): Promise<MailScene> =>
    MailScene.start(
      { authentication: settings },
      { config: `[dns]\nservers = ["${dns.server}"]\ntimeout = "${limit}"` },
    );
  const names: string[] = [];
  const publish = (name: string, text: string): void => {
    names.push(name);
    dns.add(name, "TXT", text, 0);
  };
  const behave = (name: string, how: Parameters<FakeDns["behave"]>[1]): void => {
    names.push(name);
    dns.behave(name, how);
  };
  beforeEach(async () => {
    await scene?.close();
    scene = undefined;
    names.splice(0).forEach((name) => dns.remove(name));
    publish("s._domainkey.far.example", keyRecord(keys.rsa));
    publish("ed._domainkey.far.example", keyRecord(keys.ed));
    publish("far.example", "v=spf1 ip4:127.0.0.1 -all");
    publish("_dmarc.far.example", "v=DMARC1; p=reject");
    publish("_dmarc.bank.example", "v=DMARC1; p=reject");
  });
  afterAll(() => scene?.close());

  const send = async (wire: string | readonly Buffer[]): Promise<string> => (await scene?.send(wire)) ?? "closed";
  /** Each method with its result, from the field on top of what the hop has. */
  const results = (nth = 1): string[] => {
    const [field = ""] =
      /^Authentication-Results: (?:[^\r\n]*\r\n[ \t]+)*[^\r\n]*/.exec(scene?.delivered(nth) ?? "") ?? [];
    expect(field.replaceAll("\r\n", "")).toMatch(/^Authentication-Results: mx\.kontor\.example; */);
    return field.match(/(?<=;\s+)[a-z]+=[a-z]+/g) ?? [];
  };

  it("reports a good signature, SPF, ARC and DMARC in one field on top, and changes nothing else", async () => {
    scene = await open();
    const wire = await signed(letter());
    expect(await send(wire)).toMatch(/^250/);
    expect(results()).toEqual(["dkim=pass", "spf=pass", "arc=none", "dmarc=pass"]);
    expect(scene.delivered().endsWith(`\r\n${wire}`)).toBe(true);
    expect(scene.delivered()).toMatch(/header\.d=far\.example/);
    expect(await send(await signed(letter(), "far.example", "ed", keys.ed))).toMatch(/^250/);
    expect(results(2)[0]).toBe("dkim=pass");
  });

  it("calls a body that was changed, and a header that was, dkim=fail. RFC 8601 2.7.1", async () => {
    scene = await open();
    const wire = await signed(letter());
    await send(wire.replace("Hello  there", "Hello  thore"));
    expect([results()[0], scene.delivered()]).toEqual(["dkim=fail", expect.stringMatching(/body hash did not/)]);
    await send(wire.replace("Subject: hello", "Subject: hallo"));
    expect(results(2)[0]).toBe("dkim=fail");
  });

  it("calls DomainKeys and no signature at all dkim=none", async () => {
    scene = await open();
    await send(
      letter("ann@far.example", "DomainKey-Signature: a=rsa-sha1; s=s; d=far.example; c=simple; q=dns; b=AA\r\n"),
    );
    expect(results()[0]).toBe("dkim=none");
    await send("");
    expect(results(2)).toEqual(["dkim=none", "spf=pass", "arc=none", "dmarc=permerror"]);
    await send('nonsense\r\n\x80\xff: x\r\nFrom: <<a@@>>, "\r\n\r\n\xff\r\n');
    expect(results(3)[0]).toBe("dkim=none");
  });

  it("takes away results in its own name, however they are written, and no others", async () => {
    scene = await open();
    const forged = [
      `Authentication-Results: ${id}; dkim=pass header.d=bank.example`,
      `authentication-results : ${id.toUpperCase()} 1;\r\n\tdmarc=pass`,
      `Authentication-Results: (a (nested) \\) comment) "mx.kontor.example" (x); spf=pass`,
      `Authentication-Results:\r\n ${id}. ; spf=pass`,
      `Authentication-Results: ${id}`,
    ];
    const kept = [
      "Authentication-Results: mx.far.example; dkim=pass",
      `Authentication-Results: other.${id}; dkim=pass`,
      `Authentication-Results: far.example (${id}); dkim=pass`,
      `ARC-Authentication-Results: i=1; ${id}; dkim=pass`,
    ];
    const mixed = forged.flatMap((line, i) => [line, ...kept.slice(i, i + 1)]).join("\r\n");
    await send(letter("ann@far.example", `${mixed}\r\n`));
    const got = scene.delivered();
    expect(got.slice(got.indexOf("From: Ann"))).toBe(letter("ann@far.example", `${kept.join("\r\n")}\r\n`));
  });

  it("refuses what fails DMARC of a domain with p=reject, and nothing else", async () => {
    scene = await open('refuse = "dmarc"');
    expect(await send(letter("ceo@bank.example"))).toBe("550 5.7.26 Message fails DMARC of bank.example");
    expect(await send(await signed(letter("ceo@bank.example")))).toMatch(/^550 5\.7\.26/);
    // The domain of a second From, or of a second author, does not hide behind the first.
    expect(await send(letter("ann@far.example", "From: ceo@bank.example\r\n"))).toMatch(/^550 5\.7\.26/);
    expect(await send("From: ann@far.example, ceo@bank.example\r\n\r\nx\r\n")).toMatch(/^550 5\.7\.26/);
    const many = Array.from({ length: 11 }, (_, n) => `a@d${n}.example`).join(", ");
    expect(await send(`From: ${many}\r\n\r\nx\r\n`)).toMatch(/^550 5\.7\.26/);
    const endless = `${"a:".repeat(400)}\r\n `.repeat(250);
    const began = performance.now();
    expect(await send(`From: ${endless}ceo@bank.example\r\n\r\nx\r\n`)).toMatch(/^550 5\.7\.26/);
    expect(performance.now() - began).toBeLessThan(1500);
    publish("_dmarc.soft.example", "v=DMARC1; p=quarantine");
    for (const from of ["ann@far.example", "x@sub.far.example", "x@soft.example", "x@none.example"]) {
      expect([from, await send(letter(from))]).toEqual([from, expect.stringMatching(/^250/)]);
    }
    expect(scene.log).toMatch(/authentication: results .*dmarc="?fail/);
  });

  it("applies np to subdomains that do not exist, and sp to those that do. RFC 9989 4.10.1", async () => {
    scene = await open('refuse = "dmarc"');
    publish("_dmarc.np.example", "v=DMARC1; p=none; sp=none; np=reject");
    publish("_dmarc.sp.example", "v=DMARC1; p=none; sp=reject; np=none");
    publish("there.np.example", "text");
    publish("far.below.np.example", "text");
    publish("there.sp.example", "text");
    names.push("alias.np.example");
    dns.add("alias.np.example", "CNAME", "gone.example", 0);
    behave("alias.np.example", { rcode: "NXDOMAIN" });
    for (const from of ["gone.np.example", "there.sp.example"]) {
      expect(await send(letter(`x@${from}`))).toBe(`550 5.7.26 Message fails DMARC of ${from}`);
    }
    for (const from of ["np.example", "there.np.example", "below.np.example", "alias.np.example", "gone.sp.example"]) {
      expect([from, await send(letter(`x@${from}`))]).toEqual([from, expect.stringMatching(/^250/)]);
    }
  });

  it("takes np for unknown where DNS does not say whether the subdomain exists", async () => {
    scene = await open('refuse = "dmarc"\non_error = "defer"', "200ms");
    publish("_dmarc.np.example", "v=DMARC1; p=none; np=reject");
    behave("x.np.example", { rcode: "SERVFAIL" });
    expect(await send(letter("x@x.np.example"))).toMatch(/^451 4\.7\.24/);
  });

  it("does not trust a signature of the beginning of a body (l=), but one of all of it", async () => {
    scene = await open('refuse = "dmarc"');
    dns.remove("far.example");
    const whole = letter();
    const sign = async (maxBodyLength: number): Promise<string> => {
      const key = { signingDomain: "far.example", selector: "s", privateKey: keys.rsa, maxBodyLength };
      const { signatures } = await dkimSign(Buffer.from(whole), {
        ...key,
        canonicalization: "relaxed/relaxed",
        signatureData: [key],
      });
      expect(signatures).toContain("l=");
      return signatures + whole;
    };
    const all = await sign(100);
    expect(await send(all)).toMatch(/^250/);
    expect(results()).toEqual(["dkim=pass", expect.anything(), "arc=none", "dmarc=pass"]);
    expect(await send(`${all}Click here!\r\n`)).toBe("550 5.7.26 Message fails DMARC of far.example");
    expect(await send(await sign(5))).toMatch(/^550 5\.7\.26/);
    publish("_dmarc.far.example", "v=DMARC1; p=none");
    dns.remove("_dmarc.far.example");
    expect(await send(`${all}Click here!\r\n`)).toMatch(/^250/);
    expect(results(2)[0]).toBe("dkim=policy");
    // A second signature that covers everything counts.
    expect(await send(await signed(`${all}more\r\n`))).toMatch(/^250/);
    expect(results(3).slice(0, 2)).toEqual(["dkim=pass", "dkim=policy"]);
  });

  it("refuses by DKIM if a signature fails and none is good", async () => {
    scene = await open('refuse = "dkim"');
    const broken = (await signed(letter())).replace("there", "where");
    expect(await send(broken)).toBe("550 5.7.20 DKIM signature failed to verify");
    expect(await send(letter())).toMatch(/^250/);
    expect(await send(await signed(broken, "far.example", "ed", keys.ed))).toMatch(/^250/);
  });

  it("believes a sealed chain, and no answers that belong to another question", async () => {
    scene = await open();
    const wire = await signed(letter());
    const seal = {
      signingDomain: "far.example",
      selector: "s",
      privateKey: keys.rsa,
      authResults: "mx.far.example; dkim=pass",
    };
    behave("s._domainkey.far.example", { lies: true });
    await send(`${(await sealMessage(wire, seal)).toString("latin1")}${wire}`);
    expect(results()).toEqual(["dkim=pass", "spf=pass", "arc=pass", "dmarc=pass"]);
    await send(`${(await sealMessage(wire, seal)).toString("latin1").replace("dkim=pass", "dkim=fail")}${wire}`);
    expect(results(2)[2]).toBe("arc=fail");
  });

  it("looks at the name in HELO for the null sender, and counts it for DMARC", async () => {
    scene = await open();
    publish("client.example", "v=spf1 ip4:127.0.0.1 -all");
    const client = await SmtpClient.open(scene.relay.port);
    await client.reply();
    for (const line of ["EHLO client.example", "MAIL FROM:<>", "RCPT TO:<anna@kontor.example>", "DATA"]) {
      await client.command(line);
    }
    expect(await client.command(`${letter("mailer@client.example")}.`)).toMatch(/^250/);
    client.close();
    expect(results()[1]).toBe("spf=pass");
    expect(scene.delivered()).toContain("smtp.helo=client.example");
  });

  it.each<[string, Parameters<FakeDns["behave"]>[1]]>([
    ["is silent", { drop: true }],
    ["says SERVFAIL", { rcode: "SERVFAIL" }],
  ])("passes by default if DNS %s, also what fails DMARC, and defers if so configured", async (_, how) => {
    scene = await open('refuse = "dmarc"\ntimeout = "300ms"', "200ms");
    ["s._domainkey.far.example", "far.example", "_dmarc.far.example"].forEach((name) => behave(name, how));
    expect(await send(await signed(letter()))).toMatch(/^250/);
    expect(results()).toEqual(["dkim=temperror", "spf=temperror", "arc=none", "dmarc=temperror"]);
    await scene.close();
    scene = await open('refuse = "dmarc"\non_error = "defer"\ntimeout = "300ms"', "200ms");
    expect(await send(await signed(letter()))).toMatch(/^451 4\.7\.24 /);
    // The key alone: an aligned signature could have made it pass, one of a stranger could not.
    dns.remove("_dmarc.far.example");
    dns.remove("far.example");
    publish("_dmarc.far.example", "v=DMARC1; p=reject");
    expect(await send(await signed(letter()))).toMatch(/^451 4\.7\.24 /);
    expect(await send(await signed(letter("ceo@bank.example")))).toMatch(/^550 5\.7\.26/);
  });

  it("is not slowed down by many signatures whose keys do not come, and still asks for the others", async () => {
    scene = await open('refuse = "dmarc"\ntimeout = "5s"', "400ms");
    behave("*", { drop: true });
    behave("_dmarc.example", {});
    behave("_dmarc.bank.example", {});
    behave("example", {});
    let wire = letter("ceo@bank.example");
    for (let i = 0; i < 40; i++) {
      wire = await signed(wire, `slow${i}.far.example`, "s", keys.ed);
    }
    const began = performance.now();
    dns.asked.length = 0;
    expect(await send(wire)).toMatch(/^550 5\.7\.26/);
    expect(performance.now() - began).toBeLessThan(4000);
    expect(new Set(dns.asked.filter(({ name }) => name.includes("_domainkey")).map(({ name }) => name)).size).toBe(8);
    dns.remove("*");
  });

  it("says nothing of a stranger's records but in one field of bounded lines", async () => {
    scene = await open();
    const evil = `v=spf1 ip4:127.0.0.1 exp=x\r\nBcc: all@kontor.example\r\n\r\n ${"x".repeat(200)}`;
    dns.remove("far.example");
    publish("far.example", evil);
    publish("_dmarc.evil.example", "v=DMARC1; p=reject\r\nX: y");
    const bad = `DKIM-Signature: v=1; a=rsa-sha256; d=${"x".repeat(900)}; s=a\r\n ; i="a\\"@b;c (d"; h=from; bh=AA; b=AA\r\n`;
    expect(await send(`${bad}From: =?utf-8?q?x?= <x@evil.example>\r\n\r\nx\r\n`)).toMatch(/^250/);
    expect(results().map((text) => text.split("=")[0])).toEqual(["dkim", "spf", "arc", "dmarc"]);
    expect(
      scene
        .delivered()
        .split("\r\n")
        .filter((line) => line.length > 998),
    ).toEqual([]);
    expect(scene.delivered()).not.toMatch(/^(?:Bcc|X):/m);
  });

  it("streams without the field, and refuses all the same", async () => {
    scene = await open('header = false\nrefuse = "dkim"');
    const wire = await signed(letter());
    expect(await send(wire)).toMatch(/^250/);
    expect(scene.delivered()).toBe(wire);
    expect(await send(wire.replace("there", "where"))).toMatch(/^550 5\.7\.20/);
    expect(scene.hop.received).toHaveLength(1);
  });

  it("verifies dot-stuffed lines, 8-bit text and 24 MB", async () => {
    scene = await open("header = false");
    const text = letter("ann@far.example", "X: \xe4\r\n") + ".\r\n..two\r\n\xff\xfe\r\n";
    await send((await signed(text)).replaceAll(/^\./gm, ".."));
    expect(scene.log).toMatch(/results .*dkim="?pass/);
    const big = `${letter()}${`${"x y".repeat(300)}\r\n`.repeat(26_600)}`;
    const wire = await signed(big);
    const [began, before] = [performance.now(), process.memoryUsage().arrayBuffers];
    await send(wire);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
    expect(scene.log.match(/results .*dkim="?pass/g)).toHaveLength(2);
  }, 60_000);
});
