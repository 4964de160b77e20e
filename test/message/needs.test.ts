/** One small check of each need, loaded from files, between a client and a next hop that are real. docs/design.md promise 1. */
import { createHash } from "node:crypto";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { below, closeScene, hop, open, openScene, relay, send, start } from "./scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const mail = "Subject: old\r\nX-Old: 1\r\nTo: a\r\nX-Old: 2\r\n\r\nHello\r\n..dot\r\n";

describe("a check that taps", () => {
  it("hears the message without dot-stuffing and its parts, and passes it on as it came", async () => {
    const { log } = await start({ tapper: "" });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(below(hop.received[0]?.message)).toBe(mail.replace("..dot", ".dot"));
    const hash = createHash("sha256").update(mail.replace("..dot", ".dot")).digest("hex");
    expect(log.join("\n")).toContain(`sha256=${hash}`);
    expect(log.join("\n")).toContain("types=text/plain");
  });

  it("refuses at the end of 20 MB, and the hop sees no final dot", async () => {
    await start({ tapper: 'word = "needle"' });
    const line = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(100));
    const wire = [Buffer.from("Subject: long\r\n\r\n"), ...Array.from({ length: 200 }, () => line)];
    expect(await send([...wire, Buffer.from("needle\r\n.\r\n")])).toBe("554 5.7.1 Word found");
    await hop.until(() => hop.partial.length === 1);
    expect(hop.received).toEqual([]);
    expect(hop.partial[0]?.length).toBeGreaterThan(19_000_000);
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
  }, 60_000);

  it("that does not answer in time is passed, logged and counted", async () => {
    const { log, metrics } = await start({ tapper: "hang = true" }, '[limits]\nmessage_checks = "100ms"');
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(log.join("\n")).toMatch(/tapper: internal error, check skipped.*no verdict in 100 ms/);
    expect(metrics.totals()['check_faults{check="tapper"}']).toBe(1);
  });

  it("is told where the client goes in the middle, and the hop sees no final dot", async () => {
    const { log } = await start({ tapper: "" });
    const client = await open();
    await client.command("DATA");
    client.write("Subject: half\r\n\r\nhalf\r\n");
    await expect.poll(() => hop.commands.flat().includes("DATA")).toBe(true);
    client.destroy();
    await expect.poll(() => log.join("\n")).toContain("tapper: abandoned");
    await expect.poll(() => hop.open).toBe(0);
    expect(hop.received).toEqual([]);
  });

  it("in mode observe refuses nothing", async () => {
    await start({ tapper: 'word = "Hello"\nmode = "observe"' });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
  });
});

describe("a check that edits", () => {
  it("replaces, deletes and inserts fields while the body streams", async () => {
    await start({ editor: 'subject = "new"\nwait = "50ms"' });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(below(hop.received[0]?.message)).toBe("X-Was: old\r\nSubject: new\r\nTo: a\r\n\r\nHello\r\n.dot\r\n");
  });

  it("changes nothing in mode observe", async () => {
    const { log } = await start({ editor: 'subject = "new"\nmode = "observe"' });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(below(hop.received[0]?.message)).toBe(mail.replace("..dot", ".dot"));
    expect(log.join("\n")).toContain("editor: observed changes changes=3");
  });

  it("demands nothing of a message that it leaves alone", async () => {
    await start({ editor: 'subject = "new"\nunless = ["special recipient"]' });
    expect(await send(`${mail}.\r\n`, ["postmaster@kontor.example"])).toMatch(/^250/);
    expect(below(hop.received[0]?.message)).toBe(mail.replace("..dot", ".dot"));
  });

  it("refuses a header section that cannot be held", async () => {
    await start({ editor: 'subject = "new"' });
    const field = `X-Long: ${"x".repeat(900)}\r\n`;
    expect(await send(`${field.repeat(400)}\r\nHello\r\n.\r\n`)).toBe("554 5.6.0 Header section too large");
    expect(hop.received).toEqual([]);
  });
});

describe("a check that holds all", () => {
  it("shows the hop nothing before the verdict, then changes body and recipients", async () => {
    await start({
      holder:
        'append = "-- \\nfooter\\n.x"\nadd = ["cora@kontor.example"]\nremove = ["bert@kontor.example"]\nwait = "300ms"',
    });
    const client = await open(["anna@kontor.example", "bert@kontor.example"]);
    await client.command("DATA");
    client.write(`${mail}.\r\n`);
    await expect.poll(() => relay?.log.join("\n")).toContain("holder: holds");
    expect(hop.commands.flat()).not.toContain("DATA");
    expect(await client.reply()).toMatch(/^250/);
    client.close();
    const [got] = hop.received;
    expect(got?.recipients).toEqual(["anna@kontor.example", "cora@kontor.example"]);
    expect(below(got?.message)).toBe(`${mail.replace("..dot", ".dot")}-- \r\nfooter\r\n.x\r\n`);
    expect(hop.violations).toEqual([]);
  });

  it("replaces the body, and adds no recipient to which the client may not send", async () => {
    const { log } = await start({ holder: 'body = "new\\nbody"' });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(below(hop.received[0]?.message)).toBe(
      "Subject: old\r\nX-Old: 1\r\nTo: a\r\nX-Old: 2\r\n\r\nnew\r\nbody\r\n",
    );
    await relay?.stop();
    const open_ = await start({ holder: 'add = ["x@elsewhere.example"]' });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(hop.received[1]?.recipients).toEqual(["anna@kontor.example"]);
    expect(open_.log.join("\n")).toContain("relaying denied");
    expect(log.length).toBeGreaterThan(0);
  });

  it("changes nothing if it fails", async () => {
    await start({ holder: 'body = "new"\nappend = "more"\nbreaks = true' });
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(below(hop.received[0]?.message)).toBe(mail.replace("..dot", ".dot"));
  });

  it("refuses, and the hop has never heard of DATA", async () => {
    await start({ holder: "refuse = true" });
    expect(await send(`${mail}.\r\n`)).toBe("554 5.7.1 Not this one");
    expect(hop.commands.flat()).not.toContain("DATA");
  });

  it("tells at the final dot what the hop says to DATA, and to a recipient that was added", async () => {
    await start({ holder: 'add = ["cora@kontor.example"]' });
    hop.script.recipients = { "cora@kontor.example": "550 5.1.1 No Cora" };
    expect(await send(`${mail}.\r\n`)).toBe("550 5.1.1 No Cora");
    hop.script.recipients = {};
    hop.script.answers = { data: "451 4.3.0 Not now" };
    expect(await send(`${mail}.\r\n`)).toBe("451 4.3.0 Not now");
    expect(hop.received).toEqual([]);
  });

  it("opens another connection where the hop has closed the first one meanwhile", async () => {
    await start({ holder: 'wait = "300ms"' });
    const client = await open();
    await client.command("DATA");
    hop.reset();
    client.write(`${mail}.\r\n`);
    expect(await client.reply()).toMatch(/^250/);
    client.close();
    expect(hop.received).toHaveLength(1);
  });

  it("says 452 in place of 354 where there is no room", async () => {
    await start({ holder: "" }, "[limits]\nheld_messages = 1");
    const first = await open();
    expect(await first.command("DATA")).toMatch(/^354/);
    const second = await open();
    expect(await second.command("DATA")).toBe("452 4.3.1 Insufficient storage, try again later");
    first.destroy();
    await expect.poll(async () => second.command("DATA")).toMatch(/^354/);
    second.close();
  });

  it("lets nothing reach the hop of a client that goes while it is asked, and ends it", async () => {
    const { log } = await start({ holder: 'wait = "1m"' });
    const client = await open();
    await client.command("DATA");
    client.write(`${mail}.\r\n`);
    await expect.poll(() => log.join("\n")).toContain("holder: holds");
    client.destroy();
    await expect.poll(() => log.join("\n")).toContain("holder: aborted");
    expect(hop.commands.flat()).not.toContain("DATA");
  });
});

describe.each([
  ["tap", { tapper: "" }],
  ["edit", { editor: "" }],
  ["whole", { holder: "" }],
])("the need %s", (_, checks) => {
  it("keeps every octet where nothing is changed, in any segmentation", async () => {
    await start(checks);
    const line = fc.stringMatching(/^[\x01-\x09\x0b\x0c\x0e-\x1f .A-Za-z:\x80-\xff]{0,80}$/);
    const anyMessage = fc.record({
      fields: fc.array(fc.constantFrom("A: b", "X: y\r\n\tz", ".dot: c", "To: \xe4"), { maxLength: 4 }),
      lines: fc.array(line, { maxLength: 30 }),
      cuts: fc.array(fc.nat(2000), { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(anyMessage, async ({ fields, lines, cuts }) => {
        const content = `${["Subject: s", ...fields, ""].map((one) => `${one}\r\n`).join("")}${lines.map((one) => `${one}\r\n`).join("")}`;
        const wire = Buffer.from(`${content.replaceAll(/^\./gm, "..")}.\r\n`, "latin1");
        const places = [0, ...cuts.map((cut) => cut % wire.length).toSorted((a, b) => a - b), wire.length];
        const pieces = places.slice(1).map((end, i) => wire.subarray(places[i], end));
        const before = hop.received.length;
        expect(await send(pieces)).toMatch(/^250/);
        expect(below(hop.received[before]?.message)).toBe(content);
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
