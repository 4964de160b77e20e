/** A next hop that gives no fitting answer: nothing it says afterwards counts, and no other client meets it there. */
import { afterEach, describe, expect, it } from "vitest";

import type { Answer, NextHop, NextHopScript } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "./scene.ts";

afterEach(closeScenes);

const misunderstood = "451 4.3.0 Next hop gave no fitting answer, try again later";
const first = "a@kontor.example";
const second = "b@kontor.example";

/** The next client's message goes through, on a connection of its own; the old one hears no word more. */
async function expectFresh(relay: TestRelay, hop: NextHop, heard: readonly string[]): Promise<void> {
  hop.script.answers = {};
  hop.script.recipients = {};
  const next = await hello(relay);
  expect((await send(next)).at(-1)).toBe("250 2.0.0 Accepted");
  expect([hop.connections, hop.received.at(-1)?.connection]).toEqual([2, 2]);
  expect(hop.commands[0]).toEqual(["EHLO mx.kontor.example", ...heard]);
  expect(hop.violations).toEqual([]);
  next.close();
}

async function begin(script: NextHopScript): Promise<{ relay: TestRelay; hop: NextHop; client: SmtpClient }> {
  const { relay, hop } = await scene(script);
  const client = await hello(relay);
  expect(await client.command("MAIL FROM:<s@sender.example>")).toMatch(/^250/);
  return { relay, hop, client };
}

const mail = "MAIL FROM:<s@sender.example>";
const rcpt = (address: string): string => `RCPT TO:<${address}>`;

describe("a next hop out of step", () => {
  it.each(["220 hi", "354 go", "214 help", "221 Bye"])(
    "that answers RCPT with %s is asked nothing more: all that follows is 451",
    async (said) => {
      const { relay, hop, client } = await begin({ recipients: { [second]: said } });
      expect(await client.command(rcpt(first))).toBe("250 2.1.5 Recipient OK");
      for (const command of [rcpt(second), rcpt("c@kontor.example"), "DATA", rcpt(first), "DATA"]) {
        expect(await client.command(command), command).toBe(misunderstood);
      }
      await hop.until(() => hop.open === 0);
      expect(await client.command("RSET")).toBe("250 2.0.0 Flushed");
      client.close();
      await expectFresh(relay, hop, [mail, rcpt(first), rcpt(second)]);
    },
  );

  it("is none that is a relay of ours and says of its own next hop that it was", async () => {
    const { hop, client } = await begin({ recipients: { [second]: misunderstood } });
    expect(await client.command(rcpt(second))).toBe(misunderstood);
    expect(await client.command(rcpt(first))).toBe("250 2.1.5 Recipient OK");
    expect(await client.command("DATA")).toMatch(/^354/);
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toBe("250 2.0.0 Accepted");
    expect([hop.connections, hop.received.length]).toEqual([1, 1]);
    client.close();
  });

  it.each(["mail", "rcpt"] as const)("that answers the first %s so is asked nothing more", async (stage) => {
    for (const said of ["220 hi", "354 go"]) {
      const { relay, hop, client } = await begin({ keywords: [], answers: { [stage]: said } });
      for (const command of [rcpt(first), rcpt(second), rcpt(first)]) {
        expect(await client.command(command), command).toBe(misunderstood);
      }
      expect(await client.command("DATA")).toBe("554 5.5.1 No valid recipients");
      await hop.until(() => hop.open === 0);
      client.close();
      await expectFresh(relay, hop, stage === "mail" ? [mail] : [mail, rcpt(first)]);
    }
  });

  it.each(["250 ok", "220 hi", "251 elsewhere"])("that answers DATA with %s gets no message", async (said) => {
    const { relay, hop, client } = await begin({ answers: { data: said } });
    expect(await client.command(rcpt(first))).toBe("250 2.1.5 Recipient OK");
    for (const command of ["DATA", rcpt(second), "DATA"]) {
      expect(await client.command(command), command).toBe(misunderstood);
    }
    await hop.until(() => hop.open === 0);
    client.close();
    await expectFresh(relay, hop, [mail, rcpt(first), "DATA"]);
  });

  it.each(["354 go", "220 hi", "214 help", "221 Bye"])(
    "that answers the final dot with %s has no message, and no other one is begun there",
    async (said) => {
      const { relay, hop } = await scene({ answers: { dot: said } });
      const client = await hello(relay);
      expect((await send(client)).at(-1)).toBe(misunderstood);
      await hop.until(() => hop.open === 0);
      client.close();
      await expectFresh(relay, hop, [mail, rcpt(first), "DATA"]);
    },
  );

  it("that takes the message with a 421 is told goodbye, and no other one is begun there", async () => {
    const { relay, hop } = await scene({ answers: { dot: "421 4.3.2 Closing down" } });
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("451 4.3.2 Closing down");
    await hop.until(() => hop.commands[0]?.includes("QUIT") === true);
    client.close();
    await expectFresh(relay, hop, [mail, rcpt(first), "DATA", "QUIT"]);
  });
});

describe("a next hop that does not reset", () => {
  it.each([
    ["503 5.5.1 No", "503 5.5.1 No", ["QUIT"]],
    ["421 4.3.2 Closing down", "421 4.3.2 Closing down", ["QUIT"]],
    ["354 go", "354 go", ["QUIT"]],
    ["rubbish", { bytes: "\0\0\r\n" }, []],
    ["two answers", { bytes: "250 ok\r\n250 ok\r\n" }, []],
  ] satisfies readonly (readonly [string, Answer, readonly string[]])[])(
    "but says %s meets no other client with its half transaction",
    async (_, answer, farewell) => {
      const { relay, hop, client } = await begin({ answers: { rset: answer } });
      expect(await client.command(rcpt(second))).toBe("250 2.1.5 Recipient OK");
      expect(await client.command("RSET")).toBe("250 2.0.0 Flushed");
      await hop.until(() => hop.open === 0);
      client.close();
      await expectFresh(relay, hop, [mail, rcpt(second), "RSET", ...farewell]);
      expect(hop.received.map(({ recipients }) => recipients)).toEqual([[first]]);
    },
  );
});
