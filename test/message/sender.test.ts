/** A check that changes the sender of a held message: what the next hop is told, and that it opens the relay for nobody. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { below, closeScene, hop, open, openScene, relay, send, start } from "./scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const content = "Subject: one\r\n\r\nHello\r\n";
const mail = `${content}.\r\n`;

function log(): string {
  return relay?.log.join("\n") ?? "";
}

describe("a check that changes the sender", () => {
  it("gives the next hop the new one in MAIL FROM, and the message as it came", async () => {
    await start({ holder: 'sender = "list-bounces@kontor.example"' });
    const client = await open();
    await client.command("DATA");
    client.write(mail);
    expect(await client.reply()).toMatch(/^250/);
    expect(hop.received).toHaveLength(1);
    expect(hop.received[0]).toMatchObject({
      sender: "list-bounces@kontor.example",
      recipients: ["anna@kontor.example"],
    });
    expect(below(hop.received[0]?.message)).toBe(content);
    // Only of this message.
    await client.command("MAIL FROM:<ann@far.example>");
    await client.command("RCPT TO:<anna@kontor.example>");
    expect(hop.commands.flat().findLast((line) => line.startsWith("MAIL"))).toContain("<ann@far.example>");
    client.close();
    expect(hop.violations).toEqual([]);
  });

  it("may make it the null sender", async () => {
    await start({ holder: 'sender = "<>"' });
    expect(await send(mail)).toMatch(/^250/);
    expect(hop.received[0]?.sender).toBe("");
  });

  it("tells the client at the final dot that the next hop refuses the new one", async () => {
    await start({ holder: 'sender = "x@kontor.example"' });
    hop.script.answers = {
      mail: ({ address }) => (address === "x@kontor.example" ? "550 5.7.1 Not this sender" : undefined),
    };
    expect(await send(mail)).toBe("550 5.7.1 Not this sender");
    expect(hop.received).toEqual([]);
  });

  it("changes nothing in mode observe, and says so", async () => {
    await start({ holder: 'sender = "x@kontor.example"\nmode = "observe"' });
    expect(await send(mail)).toMatch(/^250/);
    expect(hop.received[0]?.sender).toBe("ann@far.example");
    expect(log()).toContain("holder: observed changes changes=1");
  });

  it("does not open the relay: a foreign recipient stays refused, and the check that adds one changes nothing at all", async () => {
    await start({ holder: 'sender = "anna@kontor.example"\nadd = ["x@foreign.example"]' });
    const client = await open();
    expect(await client.command("RCPT TO:<x@foreign.example>")).toBe("550 5.7.1 Relaying denied");
    await client.command("DATA");
    client.write(mail);
    expect(await client.reply()).toMatch(/^250/);
    client.close();
    expect(hop.received[0]).toMatchObject({ sender: "ann@far.example", recipients: ["anna@kontor.example"] });
    expect(hop.commands.flat().join()).not.toContain("foreign.example");
    expect(log()).toMatch(/holder: internal error, check skipped.*relaying denied/);
  });
});

describe("a check that makes addresses by hand", () => {
  /** As no parser would make it: what the hop is told is not what was looked at. */
  it.each([
    ["a recipient whose parts are another's", "add", "x@foreign.example"],
    ["a recipient with a command in it", "add", "a@kontor.example>\\r\\nRCPT TO:<x@foreign.example"],
    ["a sender with a command in it", "sender", "a@kontor.example>\\r\\nRCPT TO:<x@foreign.example"],
  ])("cannot send to a foreign domain by %s", async (_, what, raw) => {
    await start({ forger: `${what} = "${raw}"` });
    expect(await send(mail)).toMatch(/^250/);
    expect(hop.commands.flat().join("\n")).not.toContain("foreign.example");
    expect(hop.received[0]).toMatchObject({ sender: "ann@far.example", recipients: ["anna@kontor.example"] });
    expect(log()).toMatch(/forger: internal error, check skipped/);
  });
});
