/** Every refusal and every delivery is one event, whatever the stage; and what it says. */
import { afterEach, describe, expect, it, vi } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { makeHash } from "../../src/auth/backends/scrypt.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";
import { eventsOf, refusedOf, refusingPlugins, say, talk } from "./refusing.ts";

afterEach(closeScenes);

const config = `[log]\nevents = "all"\n[spp]\nhome = "{folder}"\nconfig = "smtpplugins"\n[checks]\nrun = ["spp", "goodmailto"]\n`;
const patient = `${config}[limits]\nsession_errors = 100\n`;
const options = { files: { smtpplugins: refusingPlugins }, snapshot: ["a", "b", "full"] };

async function wholeLog(relay: TestRelay, sessions: number): Promise<string[]> {
  await vi.waitFor(() => expect(relay.log.filter((line) => / session end /.test(line))).toHaveLength(sessions));
  return eventsOf(relay);
}

/** A command of each kind that is refused, in one session. */
const refusals = [
  "MAIL FROM:<early@sender.example>",
  "HELO",
  "HELO bad.example",
  "EHLO client.example",
  "FROB",
  "EXPN list",
  "VRFY",
  "AUTH PLAIN",
  "STARTTLS",
  "DATA",
  "RCPT TO:<a@kontor.example>",
  "MAIL FROM:<a b@sender.example>",
  "MAIL FROM:<x@sender.example> SIZE=999999999999",
  "MAIL FROM:<x@sender.example> FOO=1",
  "MAIL FROM:<bad@sender.example>",
  "MAIL FROM:<s@sender.example>",
  "MAIL FROM:<again@sender.example>",
  "DATA",
  "RCPT TO:<nobody@kontor.example>",
  "RCPT TO:<bad@kontor.example>",
  "RCPT TO:<x@elsewhere.example>",
  "RCPT TO:<full@kontor.example>",
  "RCPT TO:oops",
  "RCPT TO:<a@kontor.example> NOTIFY=NEVER",
  "DATA now",
  "DATA",
];

describe("events", () => {
  it("are one for each reply of 400 and more, in their order and with its text, and one for a delivery", async () => {
    const { relay } = await scene(
      { recipients: { "full@kontor.example": "452 4.2.2 mailbox full" } },
      patient,
      options,
    );
    const client = await SmtpClient.open(relay.port);
    const late = ["MAIL FROM:<late@sender.example>", "RCPT TO:<a@kontor.example>", "DATA", "QUIT"];
    const replies = [
      await client.reply(),
      ...(await say(client, [...refusals, "RSET"])),
      ...(await send(client, ["nobody@kontor.example", "a@kontor.example"])),
      ...(await say(client, late)),
    ];
    const events = await wholeLog(relay, 1);
    const refused = refusedOf(replies);
    expect(refused.length).toBeGreaterThan(20);
    const told = events.filter((line) => line.startsWith("event: refused"));
    expect(told.map((line) => /reply="([^"]*)"/.exec(line)?.[1])).toEqual(refused);
    expect(events.filter((line) => line.startsWith("event: delivered"))).toHaveLength(1);
    expect(events).toHaveLength(told.length + 1);
  });

  it("say stage, envelope, who decided and whose words they are", async () => {
    const { relay } = await scene(
      { answers: { dot: "250 2.0.0 Ok: queued as 4Xyz12Ab" }, recipients: { "full@kontor.example": "550 5.2.2 full" } },
      config,
      options,
    );
    const client = await hello(relay);
    await client.command("MAIL FROM:<bad@sender.example>");
    await send(
      client,
      ["nobody@kontor.example", "full@kontor.example", "a@kontor.example", "b@kontor.example"],
      "Message-ID:\r\n <1@sender.example>\r\n\r\nx",
    );
    await client.command("QUIT");
    const events = await wholeLog(relay, 1);
    const session = /session=(\w{16})/.exec(events[0] ?? "")?.[1];
    const client1 = `session=${session} ref=REF listener=smtp ip=127.0.0.1 helo=client.example`;
    const expected = [
      `event: refused stage=mail ${client1.replace("REF", `${session}`)} from=bad@sender.example code=550 reply="550 bad sender ${session}" by=spp reason=plugin`,
      `event: refused stage=rcpt ${client1.replace("REF", `${session}-2`)} from=s@sender.example to=nobody@kontor.example code=550 reply="550 5.1.1 No such user here" by=goodmailto reason=unknown`,
      `event: refused stage=rcpt ${client1.replace("REF", `${session}-2`)} from=s@sender.example to=full@kontor.example code=550 reply="550 5.2.2 full" by=hop hop=HOP said="550 5.2.2 full"`,
      `event: delivered stage=message ${client1.replace("REF", `${session}-2`)} from=s@sender.example to="a@kontor.example b@kontor.example" recipients=2 code=250 reply="250 2.0.0 Ok: queued as 4Xyz12Ab" by=hop hop=HOP said="250 2.0.0 Ok: queued as 4Xyz12Ab" queue=4Xyz12Ab message_id=<1@sender.example> bytes=39`,
    ];
    const seen = events.map((line) =>
      line.replace(/ (?:receive_ms=\d+ )?ms=[\d.]+$/, "").replace(/hop=\S+/, "hop=HOP"),
    );
    expect(seen).toEqual(expected);
  });

  it("are one for each client that is refused or dropped in place of a greeting, and one for each limit", async () => {
    const rules = { rules: "127.0.0.3:deny\n:allow\n" };
    const { relay } = await scene(
      {},
      `${config}[limits]\nsession_errors = 2\n[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nmax_connections_per_client = 1\n[clients]\nrules = "rules"\n`,
      { ...options, files: { ...options.files, ...rules } },
    );
    const [greeting] = await talk(relay.port, [], "127.0.0.2");
    expect(await talk(relay.port, [], "127.0.0.3")).toEqual([undefined]);
    expect(await talk(relay.port, [], "127.0.0.4")).toEqual([undefined]);
    const first = await hello(relay);
    const second = await SmtpClient.open(relay.port);
    expect(await second.reply()).toBe("421 4.7.0 Too many connections");
    first.write("FROB\r\nFROB\r\n");
    expect([await first.reply(), await first.reply(), await first.reply()]).toEqual([
      "500 5.5.2 Command not recognised",
      "500 5.5.2 Command not recognised",
      "421 4.7.0 Too many errors",
    ]);
    await vi.waitFor(() => expect(eventsOf(relay)).toHaveLength(7));
    const seen = eventsOf(relay).map((line) => line.replace(/(?:session|ref)=\w+ /g, "").replace(/ ms=\S+/, ""));
    expect(greeting).toMatch(/^554 go away \w{16}$/);
    const at = "listener=smtp ip=127.0.0";
    expect(seen).toEqual([
      `event: refused stage=connection ${at}.2 code=554 reply="${greeting}" by=spp reason=plugin`,
      `event: dropped stage=connection ${at}.3 by=goodmailto reason="client rule"`,
      `event: dropped stage=connection ${at}.4 by=spp reason=dropped`,
      `event: refused stage=connection ${at}.1 code=421 reply="421 4.7.0 Too many connections" by=goodmailto reason=connections`,
      ...[1, 2].map(
        () =>
          `event: refused stage=command ${at}.1 helo=client.example code=500 reply="500 5.5.2 Command not recognised" by=goodmailto reason=syntax`,
      ),
      `event: refused stage=session ${at}.1 helo=client.example code=421 reply="421 4.7.0 Too many errors" by=goodmailto reason=errors`,
    ]);
  });

  it("leave out by default what another line says, and everything if they are off", async () => {
    const { relay } = await scene({}, config.replace('events = "all"', ""), options);
    const talk = async (): Promise<void> => {
      const client = await hello(relay);
      await client.command("MAIL FROM:<bad@sender.example>");
      await send(client, ["nobody@kontor.example", "a@kontor.example"]);
      await client.command("QUIT");
    };
    await talk();
    expect(await wholeLog(relay, 1)).toEqual([expect.stringMatching(/^event: refused stage=mail .* code=550 /)]);
    expect(relay.log.join("\n")).toMatch(
      /message: delivered session=(\w+) from=s@sender\.example recipients=1 bytes=\d+ code=250 ref=\1-2 hop=127\.0\.0\.1:\d+/,
    );
    relay.reload(`${relay.config.replace(/\[log\]\n/, '[log]\nevents = "off"\n')}`);
    await talk();
    expect(await wholeLog(relay, 2)).toHaveLength(1);
  });

  it("never hold a password, and name who tried it", async () => {
    const passwords = { text: `alice:${await makeHash("right")}\n`, mode: 0o600 };
    const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
    const { relay } = await scene(
      {},
      `${config}[tls]\ncert = "c.pem"\nkey = "k.pem"\n[auth]\npasswords = "passwords"\nfailure_delay = "1ms"\n[[listener]]\nname = "s"\nlisten = ["127.0.0.1:0"]\nauth = true\n`,
      { ...options, files: { ...options.files, passwords, "c.pem": own.certificate, "k.pem": own.key } },
    );
    const client = await SmtpClient.open(relay.ports[1] ?? relay.port);
    await client.reply();
    await say(client, ["EHLO c", "STARTTLS"]);
    await client.startTls();
    await client.command("EHLO c");
    const wrong = Buffer.from("\0alice\0s3cret").toString("base64");
    const lines = [`AUTH PLAIN ${wrong}`, "AUTH PLAIN", wrong, "AUTH PLAIN", "AHMzY3JldAB4=", "QUIT"];
    const refused = refusedOf(await say(client, lines));
    expect(refused.map((reply) => reply.slice(0, 3))).toEqual(["535", "535", "501"]);
    const events = await wholeLog(relay, 1);
    expect(events).toHaveLength(3);
    expect(events[1]).toMatch(
      /^event: refused stage=auth .* tls=TLSv1\.3 user=alice code=535 reply="[^"]*" by=goodmailto reason="wrong password"/,
    );
    expect(events.join("\n")).not.toMatch(/s3cret|czNjcmV0|MzY3JldA/);
  });
});
