/** rblspp in rblsmtpd's own place: before the greeting, and beside Debian's rblsmtpd on the same name server. */
import { spawn } from "node:child_process";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import { missing, skipped } from "../../fakes/need.ts";
import { Nsd } from "../../fakes/nsd.ts";
import { startTestRelay } from "../../fakes/relay.ts";
import type { TestRelay } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";

const commands = [
  "EHLO client.test",
  "HELO client.test",
  "NOOP",
  "HELP",
  "FOO",
  "STARTTLS",
  "AUTH PLAIN",
  "MAIL FROM:<a@b.test>",
  "RCPT TO:<vera@kontor.example>",
  "RSET",
  "VRFY vera",
  "DATA",
  "QUIT",
];

/** A relay whose only check is rblspp at connection. @param rules client rules, one per line */
function startBlocking(server: string, more = "", rules = ":allow\n"): Promise<TestRelay> {
  return startTestRelay({
    config: `
[dns]
servers = ["${server}"]
timeout = "300ms"
[clients]
rules = "{folder}/tcp.smtp"
[checks]
run = ["rblspp"]
[checks.rblspp]
at = "connection"
sources = ["r:bl.example"]
test_points = false
${more}
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:9"`,
    files: { "tcp.smtp": rules },
  });
}

/** Every reply of a conversation of these commands, the greeting first; undefined: the connection was closed. */
async function converse(relay: TestRelay, from: string): Promise<(string | undefined)[]> {
  const client = await SmtpClient.open(relay.port, from);
  try {
    const replies = [await client.reply()];
    for (const command of commands) {
      replies.push(await client.command(command));
    }
    return replies;
  } finally {
    client.close();
  }
}

describe("rblspp at connection", () => {
  let dns: FakeDns;
  let relay: TestRelay | undefined;

  beforeEach(async () => {
    dns = await startDns();
    dns.add("2.0.0.127.bl.example", "TXT", "Spam source");
    dns.add("2.0.0.127.bl.example", "A", "127.0.0.2");
  });
  afterEach(async () => {
    await relay?.stop();
    await dns.close();
  });

  it("greets a listed client, and answers everything that could lead to a message with the text of the list", async () => {
    relay = await startBlocking(dns.server);
    const replies = await converse(relay, "127.0.0.2");
    const text = "451 4.7.1 Spam source";
    expect(replies).toEqual([
      "220 mx.kontor.example ESMTP goodmailto",
      "250 mx.kontor.example",
      "250 mx.kontor.example",
      "250 2.0.0 OK",
      ...Array.from({ length: 4 }, () => text),
      "250 2.1.0 Sender OK",
      text,
      "250 2.0.0 Flushed",
      text,
      text,
      "221 2.0.0 Bye",
    ]);
    expect(relay.log.join("\n")).toMatch(/rblspp: listed session=\S+ ip=127.0.0.2 reply="451 4.7.1 Spam source"/);
  });

  it("lets clients through that no list has, that a rule exempts, or while no list answers", async () => {
    relay = await startBlocking(
      dns.server,
      'unless = ["relay client"]',
      '127.0.0.4:allow,RBLSPP=""\n127.0.0.5:allow,RELAYCLIENT=""\n127.0.0.6:allow,RBLSMTPD=""\n:allow\n',
    );
    for (const ip of [4, 5, 6]) {
      dns.add(`${ip}.0.0.127.bl.example`, "A", "127.0.0.2");
      dns.add(`${ip}.0.0.127.bl.example`, "TXT", "Spam source");
    }
    dns.behave("7.0.0.127.bl.example", { drop: true });
    dns.behave("8.0.0.127.bl.example", { rcode: "SERVFAIL" });
    for (const ip of [3, 4, 5, 6, 7, 8]) {
      const [, ehlo] = await converse(relay, `127.0.0.${ip}`);
      expect(ehlo, `127.0.0.${ip}`).toMatch(/^250-mx/);
    }
  });

  it("reads RBLSPP, and RBLSMTPD where that is not set, as rblsmtpd reads its variable", async () => {
    const rules = [
      '127.0.0.4:allow,RBLSMTPD="go away"',
      '127.0.0.5:allow,RBLSMTPD="-go away for good"',
      '127.0.0.6:allow,RBLSPP="own word",RBLSMTPD="-go away"',
    ];
    relay = await startBlocking(dns.server, "", `${rules.join("\n")}\n`);
    const told = async (ip: string): Promise<string | undefined> => (await converse(relay!, ip))[9];
    expect(await told("127.0.0.4")).toBe("451 4.7.1 go away");
    expect(await told("127.0.0.5")).toBe("553 5.7.1 go away for good");
    expect(await told("127.0.0.6")).toBe("451 4.7.1 own word");
    expect(dns.asked).toEqual([]);
  });

  it("blocks with 553 where permanent, and with 451 where a list cannot be asked and it fails closed", async () => {
    relay = await startBlocking(dns.server, "permanent = true\nfail_closed = true");
    dns.behave("3.0.0.127.bl.example", { rcode: "SERVFAIL" });
    expect((await converse(relay, "127.0.0.2"))[9]).toBe("553 5.7.1 Spam source");
    expect((await converse(relay, "127.0.0.3"))[9]).toBe("451 4.7.1 Cannot look up your address at present");
  });

  it("ends the conversation when its time is over", async () => {
    relay = await startBlocking(dns.server, 'conversation = "1s"');
    const client = await SmtpClient.open(relay.port, "127.0.0.2");
    expect(await client.reply()).toMatch(/^220 /);
    expect(await client.command("NOOP")).toBe("250 2.0.0 OK");
    expect(await client.reply()).toBe("421 4.4.2 Timeout");
    expect(await client.closed()).toBe(true);
    client.close();
  });

  it("turns the client away in place of the greeting where close is set", async () => {
    relay = await startBlocking(dns.server, "close = true");
    const client = await SmtpClient.open(relay.port, "127.0.0.2");
    expect(await client.reply()).toBe("451 4.7.1 Spam source");
    expect(await client.closed()).toBe(true);
    client.close();
  });

  it("refuses at RCPT only in mode later", async () => {
    relay = await startBlocking(dns.server, 'mode = "later"');
    const replies = await converse(relay, "127.0.0.2");
    expect(replies[1]).toMatch(/^250-mx/);
    expect(replies[9]).toBe("451 4.7.1 Spam source");
  });
});

/** rblsmtpd asks port 53 and no other. */
const cannotCompare =
  missing("rblsmtpd") || missing("nsd") || (process.getuid?.() !== 0 && skipped("only root may open port 53"));

describe.skipIf(cannotCompare)("rblspp at connection beside rblsmtpd", () => {
  const zone = '2.0.0.127 A 127.0.0.2\n2.0.0.127 TXT "Spam source"\n';
  let nsd: Nsd;
  let relay: TestRelay | undefined;

  beforeEach(async () => {
    nsd = await Nsd.start({ "bl.example": zone }, "127.0.0.153", 53);
  });
  afterEach(async () => {
    await relay?.stop();
    await nsd.close();
  });

  /** What rblsmtpd says to the same commands; "passed" if it runs the server behind it. */
  const original = async (words: readonly string[], variables: Record<string, string>): Promise<string[]> => {
    const child = spawn("rblsmtpd", [...words, "echo", "passed"], {
      env: { PATH: process.env["PATH"] ?? "", DNSCACHEIP: "127.0.0.153", ...variables },
      stdio: ["pipe", "pipe", "ignore"],
      timeout: 20_000,
    });
    child.stdin.on("error", () => undefined).end(commands.map((command) => `${command}\r\n`).join(""));
    const output = (await child.stdout.setEncoding("utf8").toArray()).join("");
    return output.trimEnd().split(/\r?\n/);
  };

  /** Without what is each server's own: enhanced codes, its name, the words of 2xx. */
  const meaning = (line: string | undefined): string =>
    (line ?? "closed").replace(/^(2\d\d).*/, "$1").replace(/^([45]\d\d) \d\.\d\.\d /, "$1 ");

  it.each([
    ["a listed client", "127.0.0.2", "", {}, []],
    ["a listed client, for good", "127.0.0.2", "permanent = true", {}, ["-b"]],
    ["a client of a rule", "127.0.0.2", "", { RBLSMTPD: "go away" }, []],
    ["a client of a rule, for good", "127.0.0.2", "", { RBLSMTPD: "-go away" }, []],
  ])("answers %s alike, command by command", async (_, ip, more, variables, words) => {
    const rule = Object.entries(variables).map(([name, value]) => `,${name}="${value}"`);
    relay = await startBlocking(nsd.server, more, `${ip}:allow${rule.join("")}\n`);
    const theirs = await original([...words, "-r", "bl.example"], { TCPREMOTEIP: ip, ...variables });
    expect((await converse(relay, ip)).map(meaning)).toEqual(theirs.map(meaning));
  });

  it("lets the same clients through", async () => {
    relay = await startBlocking(nsd.server, "", '127.0.0.2:allow,RBLSMTPD=""\n:allow\n');
    const words = ["-r", "bl.example"];
    expect(await original(words, { TCPREMOTEIP: "127.0.0.3" })).toEqual(["passed"]);
    expect(await original(words, { TCPREMOTEIP: "127.0.0.2", RBLSMTPD: "" })).toEqual(["passed"]);
    expect((await converse(relay, "127.0.0.3"))[1]).toMatch(/^250-mx/);
    expect((await converse(relay, "127.0.0.2"))[1]).toMatch(/^250-mx/);
  });
});
