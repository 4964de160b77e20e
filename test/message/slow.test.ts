/** Checks that hang and checks that are slow: the message goes on without them, the memory stays small, the server lives. */ import {
  afterEach,
  beforeEach,
  describe,
  expect,
  it,
} from "vitest";

import { below, closeScene, hop, open, openScene, relay, send, start } from "./scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const mail = "Subject: old\r\nX-Old: 1\r\nTo: a\r\n\r\nHello\r\n";
const limits = '[limits]\nmessage_checks = "300ms"';

function log(): string {
  return relay?.log.join("\n") ?? "";
}

describe.each([
  ["edit", "editor", { editor: 'subject = "new"\nhang = true' }],
  ["whole", "holder", { holder: 'append = "more"\nsender = "x@kontor.example"\nhang = true' }],
])("a check with the need %s that never answers", (need, name, checks) => {
  it("is skipped at the deadline with none of its changes, and the hop sees nothing of the message before", async () => {
    const { metrics } = await start(checks, limits);
    const client = await open();
    await client.command("DATA");
    const begun = performance.now();
    client.write(`${mail}.\r\n`);
    await expect.poll(() => (need === "whole" ? log() : "holder: holds")).toContain("holder: holds");
    expect(hop.partial).toEqual([]);
    expect(hop.received).toEqual([]);
    expect(await client.reply()).toMatch(/^250/);
    // The time that it has, and one second in which it may still end by itself.
    expect(performance.now() - begun).toBeGreaterThan(1200);
    expect(log()).toMatch(new RegExp(`${name}: internal error, check skipped.*no verdict in 300 ms`));
    expect(metrics.totals()[`check_faults{check="${name}"}`]).toBe(1);
    expect(hop.received).toHaveLength(1);
    expect(hop.received[0]?.sender).toBe("ann@far.example");
    expect(below(hop.received[0]?.message)).toBe(mail);
    expect(hop.violations).toEqual([]);
    // The server lives on, in this session and in others.
    expect(await client.command("NOOP")).toMatch(/^250/);
    client.close();
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
    expect(hop.received).toHaveLength(2);
  });

  it("shows the hop nothing of the body that is sent meanwhile", async () => {
    await start(checks, '[limits]\nmessage_checks = "500ms"');
    const client = await open();
    await client.command("DATA");
    client.write(mail);
    client.write("more\r\n");
    await expect.poll(() => hop.commands.flat().includes("RCPT TO:<anna@kontor.example>")).toBe(true);
    client.destroy();
    await expect.poll(() => log()).toContain("lost connection during transaction");
    expect(hop.received).toEqual([]);
    expect(hop.partial.map(String).join()).not.toContain("Hello");
    expect(await send(`${mail}.\r\n`)).toMatch(/^250/);
  });
});

describe("a tap that reads slowly", () => {
  it("holds the client back: of 20 MB it never has more than a piece or two at a time", async () => {
    await start({ tapper: 'pause = "5ms"' });
    const block = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(100));
    const blocks = Array.from({ length: 200 }, () => block);
    const wire = [Buffer.from("Subject: long\r\n\r\n"), ...blocks, Buffer.from(".\r\n")];
    expect(await send(wire)).toMatch(/^250/);
    const most = Number(/tapper: heard .* most=(\d+)/.exec(log())?.[1]);
    expect(most).toBeGreaterThan(1000);
    expect(most).toBeLessThanOrEqual(2 * 65_536);
    expect(hop.received[0]?.message.length).toBeGreaterThan(20_000_000);
  }, 60_000);

  it("that takes nothing at all leaves the message with the client, until it is given up", async () => {
    await start({ tapper: 'pause = "1h"' }, '[limits]\nmessage_checks = "1s"');
    const client = await open();
    await client.command("DATA");
    client.write("Subject: long\r\n\r\n");
    const block = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(100));
    for (let i = 0; i < 200; i++) {
      client.write(block);
    }
    client.write(".\r\n");
    expect(await client.reply(60_000)).toMatch(/^250/);
    expect(log()).toMatch(/tapper: internal error, check skipped.*took no data for 1000 ms/);
    expect(log()).toContain("tapper: abandoned");
    expect(hop.received[0]?.message.length).toBeGreaterThan(20_000_000);
    client.close();
  }, 60_000);
});
