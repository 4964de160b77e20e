/** What a check hears that can refuse nothing: refusals, unknown commands, ends of transactions and sessions. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScene, hop, open, openScene, relay, send, start } from "./scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const mail = "Subject: one\r\n\r\nHello\r\n.\r\n";

/** What the check heard, in order. */
function heard(): readonly string[] {
  return (relay?.log ?? []).flatMap((line) => /^ear: (.*?)(?: session=\S+)?$/.exec(line)?.[1] ?? []);
}

describe("a check that only hears", () => {
  it("hears refusals: of other checks, of the directory, of the server itself, and none of the next hop", async () => {
    await start({ judge: "", ear: "" });
    hop.script.recipients = { "bert@kontor.example": "550 5.2.1 Not now" };
    const client = await open();
    expect(await client.command("RCPT TO:<nobody@kontor.example>")).toMatch(/^550/);
    expect(await client.command("RCPT TO:<x@foreign.example>")).toBe("550 5.7.1 Relaying denied");
    expect(await client.command("RCPT TO:<bert@kontor.example>")).toBe("550 5.2.1 Not now");
    await client.command("DATA");
    client.write(`X-Bad: yes\r\n\r\nx\r\n.\r\n`);
    expect(await client.reply()).toBe("554 5.7.1 Bad field");
    client.close();
    expect(heard().filter((line) => line.startsWith("denied"))).toEqual([
      "denied check=goodmailto reason=unknown hook=rcpt",
      'denied check=goodmailto reason="relaying denied" hook=rcpt',
      "denied check=judge reason=bad hook=header",
    ]);
  });

  it("hears commands that nobody knows, as they came, and no others", async () => {
    await start({ ear: "" });
    const client = await open();
    for (const line of ["XYZZY  plugh  ", "foo", "EXPN staff", "VRFY", "RCPT", "HELO"]) {
      expect(await client.command(line)).toMatch(/^5/);
    }
    client.write("\x80\xff\r\n");
    await client.reply();
    client.close();
    expect(heard().filter((line) => line.startsWith("unrecognised"))).toEqual([
      'unrecognised line="XYZZY  plugh  "',
      "unrecognised line=foo",
    ]);
  });

  it("hears how each transaction ended, while it is still there, and then that the session is over, once", async () => {
    await start({ ear: "" });
    hop.script.answers = { dot: ({ transaction }) => (transaction === 1 ? "451 4.3.0 Later" : undefined) };
    const client = await open(["anna@kontor.example", "cora@kontor.example"]);
    await client.command("XYZZY");
    await client.command("DATA");
    client.write(mail);
    expect(await client.reply()).toBe("451 4.3.0 Later");
    await client.command("MAIL FROM:<ann@far.example>");
    await client.command("RCPT TO:<anna@kontor.example>");
    await client.command("DATA");
    client.write(mail);
    expect(await client.reply()).toMatch(/^250/);
    await client.command("MAIL FROM:<ann@far.example>");
    await client.command("RSET");
    await client.command("MAIL FROM:<ann@far.example>");
    await client.command("EHLO other.example");
    await client.command("RSET");
    expect(await client.command("QUIT")).toMatch(/^221/);
    await expect
      .poll(heard)
      .toEqual([
        "unrecognised line=XYZZY",
        'concluded conclusion="not delivered" accepted=2',
        "concluded conclusion=delivered accepted=1",
        'concluded conclusion="not delivered" accepted=0',
        'concluded conclusion="not delivered" accepted=0',
        "end unknown=1 helo=other.example",
      ]);
    client.close();
  });

  it("hears of a client that goes: before the final dot, and while the next hop has the message", async () => {
    await start({ ear: "" });
    const first = await open();
    await first.command("DATA");
    first.write("Subject: half\r\n\r\nhalf");
    first.destroy();
    await expect
      .poll(heard)
      .toEqual(['concluded conclusion="not delivered" accepted=1', "end unknown=0 helo=client.example"]);
    hop.script.answers = { dot: { hang: true } };
    const second = await open();
    await second.command("DATA");
    second.write(mail);
    await hop.until(() => hop.received.length === 1);
    second.destroy();
    await expect
      .poll(() => heard().slice(2))
      .toEqual(["concluded conclusion=unknown accepted=1", "end unknown=0 helo=client.example"]);
  });

  it("hears the end of a session that said nothing, and of one that the relay ends when it stops", async () => {
    const { relay: running, port } = await start({ ear: "" });
    const silent = await SmtpClient.open(port);
    await silent.reply();
    silent.close();
    await expect.poll(heard).toEqual(['end unknown=0 helo=""']);
    const client = await open();
    await running.stop();
    expect(heard().slice(1)).toEqual([
      'concluded conclusion="not delivered" accepted=1',
      "end unknown=0 helo=client.example",
    ]);
    client.close();
  });

  it("in mode observe hears the same", async () => {
    await start({ judge: "", ear: 'mode = "observe"' });
    expect(await send("X-Bad: yes\r\n\r\nx\r\n.\r\n")).toBe("554 5.7.1 Bad field");
    await expect
      .poll(heard)
      .toEqual([
        "denied check=judge reason=bad hook=header",
        'concluded conclusion="not delivered" accepted=1',
        "end unknown=0 helo=client.example",
      ]);
  });

  it("and throws each time harms nobody: every fault is logged and counted", async () => {
    const { metrics } = await start({ judge: "", ear: "breaks = true" });
    const client = await open();
    expect(await client.command("XYZZY")).toMatch(/^500/);
    await client.command("DATA");
    client.write("X-Bad: yes\r\n\r\nx\r\n.\r\n");
    expect(await client.reply()).toBe("554 5.7.1 Bad field");
    client.close();
    await expect.poll(() => metrics.totals()['check_faults{check="ear"}']).toBe(4);
    const log = relay?.log.join("\n") ?? "";
    for (const hook of ["denied", "unrecognised", "concluded", "end"]) {
      expect(log).toMatch(new RegExp(`ear: internal error, check skipped hook=${hook} .*broken ear at ${hook}`));
    }
    expect(metrics.totals()["session_faults"] ?? 0).toBe(0);
  });
});
