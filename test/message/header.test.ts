/** Verdicts at the hooks of a message by one field of its header, in every mode, seen by a client and a next hop that are real. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { closeScene, hop, open, openScene, relay, send, start } from "./scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const bad = "Subject: one\r\nX-Bad: yes\r\n\r\nHello\r\n.\r\n";
const good = "Subject: one\r\nX-Good: yes\r\n\r\nHello\r\n.\r\n";

function log(): string {
  return relay?.log.join("\n") ?? "";
}

/** Nothing was delivered, and the hop has heard no final dot. */
async function expectNothingDelivered(): Promise<void> {
  await expect.poll(() => hop.open).toBe(0);
  expect(hop.received).toEqual([]);
}

describe("a check that refuses by a header field", () => {
  it("cuts the hop at the first octet of the body, which is not transferred, and replies at the final dot", async () => {
    await start({ judge: "" });
    const client = await open();
    expect(await client.command("DATA")).toMatch(/^354/);
    // One octet of the body: until it is there, the empty line may yet be the end of the message.
    client.write("Subject: one\r\nX-Bad: yes\r\n\r\nx");
    await hop.until(() => hop.partial.length === 1);
    expect(log()).toMatch(/judge: sees bytes=29 /);
    const line = Buffer.from(`${"x".repeat(998)}\r\n`.repeat(1000));
    client.write(line);
    client.write(line);
    expect(await client.command(".")).toBe("554 5.7.1 Bad field");
    expect(hop.partial[0]?.toString("latin1")).not.toContain("xx");
    await expectNothingDelivered();
    expect(log()).toMatch(/message: not delivered .*bytes=2000029 code=554/);
    // The session goes on, with another connection to the hop.
    expect(await client.command("MAIL FROM:<ann@far.example>")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<bert@kontor.example>")).toMatch(/^250/);
    expect(await client.command("DATA")).toMatch(/^354/);
    client.write(good);
    expect(await client.reply()).toMatch(/^250/);
    expect(hop.received).toHaveLength(1);
    client.close();
  });

  it("is told no more of a message without a body than its fields", async () => {
    await start({ judge: "" });
    expect(await send("X-Bad: yes\r\n.\r\n")).toBe("554 5.7.1 Bad field");
    await expectNothingDelivered();
  });

  it("ends the session with its reply where it is to close", async () => {
    await start({ judge: "close = true" });
    const client = await open();
    await client.command("DATA");
    client.write(`${bad}NOOP\r\n`);
    expect(await client.reply()).toBe("554 5.7.1 Bad field");
    expect(await client.reply()).toBeUndefined();
    await expectNothingDelivered();
  });

  it("and held the header section shows the hop nothing of the message", async () => {
    await start({ judge: "", editor: 'subject = "new"' });
    expect(await send(bad)).toBe("554 5.7.1 Bad field");
    expect(hop.partial.map(String).join()).not.toContain("X-Bad");
    await expectNothingDelivered();
  });

  it("and held the whole message never says DATA to the hop", async () => {
    await start({ judge: "", holder: "" });
    expect(await send(bad)).toBe("554 5.7.1 Bad field");
    expect(hop.commands.flat()).not.toContain("DATA");
    expect(log()).not.toContain("holder: holds");
    expect(hop.received).toEqual([]);
  });
});

describe.each(["header", "message"])("at hook %s", (hook) => {
  const at = `at = "${hook}"`;

  it("mode later refuses at once: there is no next RCPT to wait for", async () => {
    const { metrics } = await start({ judge: `${at}\nmode = "later"`, ear: "" });
    expect(await send(bad)).toBe("554 5.7.1 Bad field");
    await expectNothingDelivered();
    expect(log()).toMatch(new RegExp(`ear: denied check=judge reason=bad hook=${hook}`));
    expect(log()).not.toContain("will refuse later");
    expect(metrics.totals()['refusals{reason="bad",check="judge"}']).toBe(1);
    expect(await send(good)).toMatch(/^250/);
  });

  it("mode score refuses by the sum, before the hop has the final dot", async () => {
    const score = {
      [`judge:a`]: `${at}\nmode = "score"\npoints = 2`,
      [`judge:b`]: `${at}\nmode = "score"\npoints = 3`,
    };
    await start({ ...score, score: "refuse_at = 5" });
    expect(await send(bad)).toBe("554 5.7.1 Refused by local policy");
    await expectNothingDelivered();
    expect(log()).toMatch(/judge:a: scored reason=bad points=2 sum=2/);
    expect(log()).toMatch(/judge:b: scored reason=bad points=3 sum=5/);
    expect(await send(good)).toMatch(/^250/);
  });

  it("points of one message do not count for the next of the same session", async () => {
    await start({ judge: `${at}\nmode = "score"\npoints = 3`, score: "refuse_at = 5" });
    for (const nth of [1, 2, 3]) {
      const client = await open();
      for (let i = 0; i < 2; i++) {
        expect(await client.command("DATA")).toMatch(/^354/);
        client.write(bad);
        expect(await client.reply(), `message ${nth}.${i}`).toMatch(/^250/);
        await client.command("MAIL FROM:<ann@far.example>");
        await client.command("RCPT TO:<anna@kontor.example>");
      }
      client.close();
    }
  });

  it("mode observe passes, and says in the log what it would have done", async () => {
    await start({ judge: `${at}\nmode = "observe"` });
    expect(await send(bad)).toMatch(/^250/);
    expect(log()).toMatch(/judge: observed verdict=refuse reason=bad/);
    expect(hop.received).toHaveLength(1);
  });

  it("`unless` spares the message of those whom it names", async () => {
    await start({ judge: `${at}\nunless = ["special recipient"]` });
    expect(await send(bad, ["postmaster@kontor.example"])).toMatch(/^250/);
    expect(await send(bad, ["postmaster@kontor.example", "anna@kontor.example"])).toBe("554 5.7.1 Bad field");
  });
});
