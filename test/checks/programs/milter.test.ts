/** milter beside libmilter itself (python3-milter): what it is told, and what becomes of everything that it may answer. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { makeHash } from "../../../src/auth/backends/scrypt.ts";
import { makeSelfSigned } from "../../../src/auth/self-signed.ts";
import { missing } from "../../fakes/need.ts";
import { startDoer } from "../../fakes/milter.ts";
import type { Doer } from "../../fakes/milter.ts";
import { belowTrace } from "../../fakes/header-fields.ts";
import { asPassedOn, shapes, wireOf } from "../../fakes/messages.ts";
import { beginTls, plain } from "../../smtp/tls-fixture.ts";
import { largeMessage, MailScene } from "../scanners/mail-scene.ts";

const top = "From: ann@far.example\r\nSubject: plain\r\n";
const body = "\r\nHello\r\n";
const later = "Service unavailable - try again later";

describe.skipIf(missing("python3", "Milter"))("milter", () => {
  let doer: Doer;
  let scene: MailScene;
  beforeAll(async () => {
    doer = await startDoer();
  }, 60_000);
  afterAll(() => doer.close());
  afterEach(() => scene.close());

  const start = async (more = "", config = ""): Promise<MailScene> =>
    (scene = await MailScene.start({ milter: `url = "${doer.url}"\n${more}` }, { config }));
  /** The reply to a message with these steps. */
  const ask = (...steps: readonly string[]): Promise<string | undefined> =>
    scene.send(`${top}${steps.map((step) => `X-Do: ${step}\r\n`).join("")}${body}`);

  it("tells it the session, two messages and what came between them, on one connection", async () => {
    await start();
    const client = await scene.greet();
    const say = async (...lines: readonly string[]): Promise<void> => {
      for (const line of lines) {
        expect(await client.command(line), line).toMatch(/^(?:2|354)/);
      }
    };
    await say("MAIL FROM:<ann@far.example>", "RCPT TO:<anna@kontor.example>", "DATA", `${top}${body}.`);
    await say("MAIL FROM:<>", "RSET", "MAIL FROM:<ann@far.example>");
    expect(await client.command("RCPT TO:<nobody@kontor.example>")).toMatch(/^550 5\.1\.1/);
    expect(await client.command("RCPT TO:<bert@far.example>")).toMatch(/^550/);
    expect(await client.command("FOO")).toMatch(/^500/);
    await say("RCPT TO:<bert@kontor.example>", "DATA", `${top}${body}.`, "QUIT");
    await scene.relay.stop();
    expect(doer.events()).toBe(
      "connect helo mail rcpt data header header eoh eom mail abort mail unknown rcpt data header header eoh eom close",
    );
    const told = doer.told();
    expect(told[0]).toEqual([
      1,
      "connect",
      "[127.0.0.1]",
      ["127.0.0.1", expect.any(Number)],
      {
        j: "mx.kontor.example",
        _: "[127.0.0.1]",
        v: "goodmailto",
        "{daemon_name}": "smtp",
        "{client_addr}": "127.0.0.1",
      },
    ]);
    expect(told.filter(([, event]) => ["helo", "mail", "rcpt"].includes(event)).map((one) => one.slice(2))).toEqual([
      ["client.example", {}],
      ["<ann@far.example>", { i: expect.any(String), "{mail_addr}": "ann@far.example" }],
      ["<anna@kontor.example>", { "{rcpt_addr}": "anna@kontor.example" }],
      ["<>", { i: expect.any(String) }],
      ["<ann@far.example>", expect.anything()],
      ["<bert@kontor.example>", { "{rcpt_addr}": "bert@kontor.example" }],
    ]);
  });

  it("tells it again after STARTTLS, with the login and the cipher, and of recipients elsewhere", async () => {
    const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
    scene = await MailScene.start(
      { milter: `url = "${doer.url}"` },
      {
        files: {
          "cert.pem": own.certificate,
          "key.pem": { text: own.key, mode: 0o600 },
          passwords: { text: `alice:${await makeHash("open sesame")}\n`, mode: 0o600 },
        },
        config:
          '[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[auth]\npasswords = "passwords"\n[[listener]]\nname = "smtp"\nlisten = ["127.0.0.1:0"]\nauth = true',
      },
    );
    const from = doer.told().length;
    const { client } = await beginTls(scene.relay.port);
    expect(await client.command(`AUTH PLAIN ${plain("alice", "open sesame")}`)).toMatch(/^235/);
    await client.command("MAIL FROM:<ann@far.example>");
    expect(await client.command("RCPT TO:<carl@away.example>")).toMatch(/^250/);
    const told = doer.told().slice(from);
    const values = (wanted: string): unknown[] =>
      told.filter(([, event]) => event === wanted).map((one) => one.slice(2));
    expect(values("helo")).toEqual([
      ["client.test", {}],
      ["client.test", { "{tls_version}": "TLSv1.3", "{cipher}": expect.stringMatching(/^TLS_/) }],
    ]);
    expect(values("mail")[0]).toEqual([
      "<ann@far.example>",
      {
        i: expect.any(String),
        "{mail_addr}": "ann@far.example",
        "{auth_authen}": "alice",
        "{auth_type}": "PLAIN",
      },
    ]);
    expect(values("rcpt")).toEqual([["<carl@away.example>", { "{rcpt_addr}": "carl@away.example" }]]);
    client.close();
  });

  it("makes every change of the header, and leaves all other octets alone", async () => {
    await start();
    const wire = [
      top,
      "X-Old: one\r\n two\r\nX-Old: \xe9\r\nX-Other:tight\r\n",
      "X-Do: insert 0 X-First 1\r\nX-Do: insert 2 X-Second 2\r\nX-Do: add X-Last a\\n b\r\n",
      "X-Do: change X-Old 2 new\r\nX-Do: delete X-Old 1\r\nX-Do: change X-None 1 made\r\n",
    ].join("");
    expect(await scene.send(`${wire}\r\n..dot\r\n\xff\r\n`)).toMatch(/^250/);
    expect(scene.delivered()).toBe(
      [
        `X-First: 1\r\nX-Second: 2\r\nFrom: ann@far.example\r\nSubject: plain\r\nX-Old: new\r\nX-Other:tight\r\n`,
        wire.slice(wire.indexOf("X-Do")),
        "X-Last: a\r\n b\r\nX-None: made\r\n\r\n.dot\r\n\xff\r\n",
      ].join(""),
    );
  });

  it("replaces the body, stuffing its dots, and changes sender and recipients", async () => {
    await start();
    const steps = ["body .\\n..two\\nend", "addrcpt bert@kontor.example", "delrcpt anna@kontor.example"];
    expect(await ask(...steps, "from carl@far.example")).toMatch(/^250/);
    const [message] = scene.hop.received;
    expect([message?.sender, message?.recipients]).toEqual(["carl@far.example", ["bert@kontor.example"]]);
    expect(scene.delivered()).toMatch(/\r\n\r\n\.\r\n\.\.two\r\nend\r\n$/);
    expect(await ask("from ")).toMatch(/^250/);
    expect(scene.hop.received[1]?.sender).toBe("");
  });

  it("never opens relaying, and says which changes it did not make", async () => {
    await start();
    const steps = ["addrcpt victim@far.example", "addrcpt a%b@kontor.example", "addrcpt no address", "add X-Good yes"];
    expect(await ask(...steps, "change From 0 x")).toMatch(/^250/);
    expect(scene.hop.received[0]?.recipients).toEqual(["anna@kontor.example"]);
    expect(scene.delivered()).toContain("\r\nX-Good: yes\r\n");
    expect(scene.log.match(/milter: change not made/g)).toHaveLength(4);
    expect(scene.log).toContain("relaying denied");
    expect(await ask("delrcpt anna@kontor.example")).toBe("554 5.5.1 No valid recipients");
  });

  it("refuses one of two recipients with the milter's own reply, and delivers to the other", async () => {
    scene = await MailScene.start({ milter: `url = "${doer.url}"` }, { users: ["y550@kontor.example"] });
    const client = await scene.greet();
    await client.command("MAIL FROM:<ann@far.example>");
    expect(await client.command("RCPT TO:<y550@kontor.example>")).toBe("550 5.7.9 Not this one");
    expect(await client.command("RCPT TO:<bert@kontor.example>")).toMatch(/^250/);
    await client.command("DATA");
    expect(await client.command(`${top}${body}.`)).toMatch(/^250/);
    expect(scene.hop.received[0]?.recipients).toEqual(["bert@kontor.example"]);
    client.close();
  });

  it("answers at each command as it says, for as long as that holds", async () => {
    await start();
    const client = await scene.greet();
    expect(await client.command("EHLO y550.example")).toBe("550 5.7.9 Not this one");
    expect(await client.command("EHLO tempfail.example")).toBe(`451 4.7.1 ${later}`);
    await client.command("EHLO client.example");
    expect(await client.command("MAIL FROM:<reject@far.example>")).toBe("550 5.7.1 Command rejected");
    expect(await client.command("MAIL FROM:<tempfail@far.example>")).toBe(`451 4.7.1 ${later}`);
    expect(await client.command("MAIL FROM:<lines@far.example>")).toBe("550-5.7.9 First\n550 5.7.9 Second");
    expect(await client.command("MAIL FROM:<discard@far.example>")).toBe("550 5.7.1 Message refused");
    const before = doer.told().length;
    expect(await client.command("MAIL FROM:<accept@far.example>")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<anna@kontor.example>")).toMatch(/^250/);
    await client.command("DATA");
    expect(await client.command(`${top}X-Do: reject\r\n${body}.`)).toMatch(/^250/);
    const events = doer.told().slice(before);
    expect(events.map(([, event]) => event).filter((event) => event !== "abort")).toEqual(["mail"]);
    client.close();
  });

  it("refuses, defers or refuses to discard a message at its end or before", async () => {
    await start();
    const now = (word: string): Promise<string | undefined> => scene.send(`${top}X-Now: ${word}\r\n${body}`);
    for (const send of [ask, now]) {
      expect(await send("reject")).toBe("550 5.7.1 Command rejected");
      expect(await send("tempfail")).toBe(`451 4.7.1 ${later}`);
      expect(await send("y451")).toBe("451 4.7.9 Not now");
      expect(await send("discard")).toBe("554 5.7.1 Message refused");
    }
    expect(scene.hop.received).toHaveLength(0);
    expect(await now("accept")).toMatch(/^250/);
    expect(await ask("progress", "sleep 0.1", "progress", "quarantine very odd")).toMatch(/^250/);
    expect(scene.delivered(2)).toMatch(/^X-Quarantine: very odd\r\n/);
  });

  it("takes `explain`, `discard` and `quarantine` as they are set", async () => {
    await start('explain = true\ndiscard = "accept"\nquarantine = "refuse"');
    expect(await ask("y550")).toBe("550 5.7.9 Rejected at end of DATA by milter (Not this one)");
    expect(await ask("reject")).toBe("550 5.7.1 Rejected at end of DATA by milter");
    expect(await ask("discard")).toMatch(/^250/);
    expect(await ask("quarantine odd")).toBe("554 5.7.1 Message refused");
  });

  it("sends no more of 10 MB than the milter wants", async () => {
    await start();
    const [head, ...rest] = largeMessage(10_000_000);
    expect(await scene.send([Buffer.from("X-Skip: 1\r\n"), head ?? Buffer.alloc(0), ...rest])).toMatch(/^250/);
    const seen = doer.told().findLast(([, event]) => event === "eom")?.[2];
    expect(seen).toBe(65_535);
    expect(await scene.send([head ?? Buffer.alloc(0), ...rest])).toMatch(/^250/);
    const all = rest.reduce((sum, { length }) => sum + length, 0);
    expect(doer.told().findLast(([, event]) => event === "eom")?.[2]).toBe(all);
    expect(scene.hop.received[1]?.message.length).toBeGreaterThan(all);
  });

  it("passes messages of every shape on as they came", async () => {
    await start();
    for (const [shape, make] of Object.entries(shapes)) {
      const content = make("id");
      expect([shape, await scene.send([wireOf(content)])]).toEqual([shape, expect.stringMatching(/^250/)]);
      const got = belowTrace(scene.hop.received.at(-1)?.message ?? Buffer.alloc(0));
      expect(got, shape).toBe(asPassedOn(content));
      expect(doer.told().at(-1)?.[1], shape).toBe("eom");
    }
    expect(scene.relay.metrics.totals()[`check_faults{check="milter"}`] ?? 0).toBe(0);
  }, 60_000);

  it("shows each milter the changes of those before it", async () => {
    const section = `url = "${doer.url}"`;
    scene = await MailScene.start({ "milter:one": section, "milter:two": section });
    expect(await ask("add X-Do add X-Seen yes", "body other")).toMatch(/^250/);
    const seen = doer.told().filter(([, event, name]) => event === "header" && name === "X-Do");
    expect(seen.slice(-5).map(([, , , value]) => value)).toEqual([
      "add X-Do add X-Seen yes",
      "body other",
      "add X-Do add X-Seen yes",
      "body other",
      "add X-Seen yes",
    ]);
    expect(scene.delivered()).toMatch(/X-Seen: yes\r\n\r\nother\r\n$/);
  });

  it("is not told of clients with NOMILTER", async () => {
    const before = doer.told().length;
    await start("", '[[listener]]\nname = "smtp"\nlisten = ["127.0.0.1:0"]\nvariables = { NOMILTER = "" }');
    expect(await ask("reject")).toMatch(/^250/);
    expect(doer.told()).toHaveLength(before);
  });

  it("accepts, defers or refuses what came while it was killed or hung, and takes the next message again", async () => {
    for (const [action, reply] of [
      ["accept", /^250/],
      ["off", /^250/],
      ["defer", /^451 4\.7\.1 Service unavailable/],
      ["refuse", /^550 5\.5\.0 Service unavailable/],
    ] as const) {
      await start(`default_action = "${action}"\ntimeout = { command = "300ms", body = "300ms" }`);
      const client = await scene.open();
      doer.daemon.freeze();
      expect(await client.command(`${top}X-Do: reject\r\n${body}.`)).toMatch(reply);
      doer.daemon.thaw();
      const killed = await scene.open();
      await doer.daemon.kill();
      expect(await killed.command(`${top}X-Do: add X-Changed yes\r\n${body}.`)).toMatch(reply);
      expect(scene.delivered(scene.hop.received.length)).not.toContain("X-Changed: yes");
      await doer.daemon.start();
      expect(await ask("reject")).toBe("550 5.7.1 Command rejected");
      expect(scene.log).toMatch(/milter: no answer scanner="milter at inet:127\.0\.0\.1:\d+"/);
      client.close();
      killed.close();
      await scene.close();
    }
    await start();
  }, 60_000);
});
