/** Milters that lie, hang, say half or what nobody asked for: default_action applies, and nothing of it reaches the message. */
import { afterEach, describe, expect, it } from "vitest";

import { ScriptedMilter } from "../fakes/milter-script.ts";
import { MailScene } from "../checks/scanners/mail-scene.ts";

const mail = "From: ann@far.example\r\nSubject: plain\r\n\r\nHello\r\n";
const later = "451 4.7.1 Service unavailable - try again later";
const changes = "change not made";

let scene: MailScene;
let milter: ScriptedMilter;
afterEach(async () => {
  await scene.close();
  await milter.close();
});

async function start(
  script: ConstructorParameters<typeof ScriptedMilter>[0],
  more = "",
  time = "500ms",
): Promise<void> {
  milter = new ScriptedMilter(script);
  await milter.open();
  scene = await MailScene.start({
    milter: `url = "inet:127.0.0.1:${milter.port}"\ndefault_action = "defer"\ntimeout = { connect = "5s", command = "${time}", body = "${time}" }\n${more}`,
  });
}

const zero = "\0";
const number = (value: number): string => String.fromCharCode(0, 0, value >> 8, value & 255);

describe("a milter that fails at the end of the message", () => {
  it.each([
    ["an unknown letter", ["Z"]],
    ["a packet of no bytes", [{ raw: "\0\0\0\0" }]],
    ["a packet of 4 GB", [{ raw: "\xff\xff\xff\xffc" }]],
    ["half a packet", [{ raw: "\0\0\0\x09c" }]],
    ["skip as a verdict", ["s"]],
    ["a bad reply", [`y250 2.0.0 all is well${zero}`]],
    ["a reply that forges another", [`y550 no\r\n250 yes${zero}`]],
    ["half a header", ["hX-Half"]],
    ["half an insertion", ["i\0"]],
    ["an address without end", ["+<anna@kontor.example>"]],
    ["a change that was not agreed on", [`e<carl@far.example>${zero}`, "c"]],
    ["a change, and then nothing", [`hX-Changed${zero}yes${zero}`]],
    ["a change, and the end of the connection", [`hX-Changed${zero}yes${zero}`, { raw: "close" }]],
    ["a new body, and the end of the connection", ["bnew body", { raw: "close" }]],
    ["too many changes", [...Array.from({ length: 10_001 }, () => `hX-M${zero}yes${zero}`), "c"]],
    ["nothing", []],
  ])("by %s defers, and delivers nothing", async (_what, answers) => {
    await start({ end: answers });
    expect(await scene.send(mail)).toBe(later);
    expect(scene.hop.received).toEqual([]);
    expect(scene.relay.metrics.totals()['check_faults{check="milter"}']).toBe(1);
    expect(scene.log).toContain("milter: no answer");
  });

  it("with default_action accept delivers the message as it came", async () => {
    await start({ end: ["bnew body", `hX-Changed${zero}yes${zero}`, { raw: "close" }] }, "");
    await scene.close();
    scene = await MailScene.start({ milter: `url = "inet:127.0.0.1:${milter.port}"` });
    expect(await scene.send(mail)).toMatch(/^250/);
    expect(scene.delivered()).toBe(mail);
  });
});

describe("a milter that fails earlier", () => {
  it.each([
    ["negotiation of nothing", { negotiation: "" }],
    ["half a negotiation", { negotiation: "\0\0\0\x06" }],
    ["version 7", { negotiation: number(7) + number(0) + number(0) }],
    ["what was not offered", { negotiation: `${number(6)}\xff\0\0\0${number(0)}` }],
    ["half a list of macros", { negotiation: `${number(6)}${number(0x100)}${number(0)}${number(0)}j` }],
    ["a change at the connection", { letters: { C: ["+<carl@far.example>\0"] } }],
    ["a body at MAIL", { letters: { M: ["bbody", "c"] } }],
    ["a skip at MAIL", { letters: { M: ["s"] } }],
    ["silence at HELO", { letters: { H: [] } }],
    ["the end of the connection at MAIL", { letters: { M: [{ raw: "close" }] } }],
  ])("by %s defers at MAIL", async (_what, script) => {
    await start(script);
    const client = await scene.greet();
    expect(await client.command("MAIL FROM:<ann@far.example>")).toBe(later);
    expect(await client.command("QUIT")).toMatch(/^221/);
    client.close();
  });

  it("by an answer that nobody asked for defers at MAIL", async () => {
    await start({ letters: { H: ["c", "c"] } }, "", "10s");
    const client = await scene.greet();
    expect(await client.command("MAIL FROM:<ann@far.example>")).toBe(later);
    client.close();
  });

  it("is not asked any more after three failures in a row, and counts for each transaction", async () => {
    await start({ negotiation: "" });
    const client = await scene.greet();
    for (let i = 0; i < 5; i++) {
      expect(await client.command("MAIL FROM:<ann@far.example>")).toBe(later);
    }
    expect(milter.connections).toBe(3);
    client.close();
  });
});

describe("a milter that takes every connection, and fails at every message", () => {
  it.each([
    ["by silence", []],
    ["by a protocol error", ["Z"]],
    ["by the end of the connection", [{ raw: "close" }]],
  ])("%s is left alone after three", async (_how, end) => {
    await start({ end }, "", "300ms");
    for (let i = 0; i < 3; i++) {
      expect(await scene.send(mail)).toBe(later);
    }
    const client = await scene.greet();
    expect(await client.command("MAIL FROM:<ann@far.example>")).toBe(later);
    expect(milter.connections).toBe(3);
    client.close();
  });

  it("is asked again where messages succeed in between", async () => {
    const script = { end: ["Z"] };
    await start(script);
    for (let i = 0; i < 4; i++) {
      script.end = ["Z"];
      expect(await scene.send(mail)).toBe(later);
      expect(await scene.send(mail)).toBe(later);
      script.end = ["c"];
      expect(await scene.send(mail)).toMatch(/^250/);
    }
    expect(milter.connections).toBe(12);
  });
});

describe("an answer in the greeting", () => {
  it.each([
    ["r", "554 5.7.1 Command rejected", false],
    ["t", "421 4.7.1 Service unavailable - try again later", true],
    ["f", "421 4.7.1 Service unavailable - try again later", true],
    ["y550 5.7.9 go\x07 away\xff\0", "554 5.7.9 go away?", false],
    ["y450 4.7.9 later\0", "421 4.7.9 later", true],
  ])("%s has the number of a greeting", async (answer, reply, closes) => {
    await start({ letters: { C: [answer] } });
    const client = await scene.connect();
    expect(await client.reply()).toBe(reply);
    if (closes) {
      expect(await client.closed()).toBe(true);
    }
    client.close();
  });

  it("accept leaves the whole session alone", async () => {
    await start({ letters: { C: ["a"], M: ["r"] } });
    expect(await scene.send(mail)).toMatch(/^250/);
  });
});

describe("changes that cannot be made", () => {
  it("are left out, and the others made: 8-bit and long fields, forged lines, nobody's address", async () => {
    const all = 0x1ff;
    await start({
      negotiation: number(6) + number(all) + number(0),
      end: [
        `hX-Eight${zero}\xe9${zero}`,
        `hX-Forged${zero}a\n\nbody${zero}`,
        `hX Bad${zero}a${zero}`,
        `h${zero}a${zero}`,
        `hX-Long${zero}${"x".repeat(2000)}${zero}`,
        `m${number(0)}Subject${zero}a${zero}`,
        `-<nobody>x${zero}`,
        `e<${"x".repeat(400)}>${zero}`,
        `2<bert@kontor.example>${zero}NOTIFY=NEVER${zero}`,
        `qfor\r\nX-Forged: 1${zero}`,
        "c",
      ],
    });
    expect(await scene.send(mail)).toMatch(/^250/);
    expect(scene.delivered()).toBe(
      `X-Quarantine: for??X-Forged: 1\r\n${mail.replace("\r\n\r\n", "\r\nX-Eight: \xe9\r\n\r\n")}`,
    );
    expect(scene.hop.received[0]?.recipients).toEqual(["anna@kontor.example", "bert@kontor.example"]);
    expect(scene.log.split(changes)).toHaveLength(8);
  });
});

describe("what a milter agreed on", () => {
  it("is kept: no commands that it does not want, no waiting where it is mute, macros of its choice, blanks of values", async () => {
    // No HELO, MAIL is mute, values with their blanks.
    const wishes = `\0\x10\x40\x02`;
    const macros = `${number(0)}{client_addr} j${zero}${number(3)}{nothing}${zero}`;
    await start({ negotiation: number(6) + number(0x1ff) + wishes + macros, letters: { M: [], H: [] } });
    expect(await scene.send(mail)).toMatch(/^250/);
    expect(milter.told).toEqual([
      "DC{client_addr}|127.0.0.1|j|mx.kontor.example|",
      expect.stringMatching(/^C\[127\.0\.0\.1\]\|4..127\.0\.0\.1\|$/s),
      expect.stringMatching(/^DMi\|.*\|\{mail_addr\}\|ann@far\.example\|/),
      "M<ann@far.example>|",
      "R<anna@kontor.example>|",
      expect.stringMatching(/^DTi\|/),
      "T",
      "LFrom| ann@far.example|",
      "LSubject| plain|",
      expect.stringMatching(/^DNi\|/),
      "N",
      "BHello\r\n",
      expect.stringMatching(/^DEi\|/),
      "E",
    ]);
  });

  it("has fixed macros, and less than it wants by `phases`", async () => {
    await start({}, 'phases = ["headers"]\nmacros = { daemon_name = "ORIGINATING", "{own}" = "1" }');
    expect(await scene.send(mail)).toMatch(/^250/);
    expect(milter.told.map((one) => one[0]).join("")).toBe("DCDMDRLLDNDE");
    expect(milter.told[0]).toContain("{daemon_name}|ORIGINATING|");
    expect(milter.told[0]).toContain("{own}|1|");
  });
});
