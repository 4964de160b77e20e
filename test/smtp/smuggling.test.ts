/**
 * SMTP smuggling (CVE-2023-51764, -51765, -51766 and their kin) over real sockets: what one side takes for the end
 * of a message the other must not. From outside a refusal, from inside exactly one message; never two.
 */
import { setImmediate as turn } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const ends = ["\r\n", "\n", "\r", "\0", "\r\0\n", "\n\r", "\0\r\n", "\r\n\0", "\r\r\n"];
/** Everything that is not the one true end. */
const forms = [...ends.flatMap((before) => ends.map((behind) => `${before}.${behind}`)), "\r\n.", "\n.\0\r\n"].filter(
  (form) => !form.includes("\r\n.\r\n"),
);
const smuggled =
  "MAIL FROM:<evil@sender.example>\r\nRCPT TO:<b@kontor.example>\r\nDATA\r\nSubject: two\r\n\r\ntwo\r\n.\r\n";

let hop: NextHop;
let relay: TestRelay;
beforeAll(async () => {
  hop = await startNextHop();
  relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n[clients]\nrules = "rules"`,
    files: { rules: '127.0.0.3:allow,RELAYCLIENT=""\n:allow\n' },
  });
});
afterAll(async () => {
  await relay.stop();
  await hop.close();
});

/** All replies after 354 to a message with this in it. @param apart one byte a packet, as far as the kernel lets us */
async function converse(form: string, from: string, apart: boolean): Promise<string[]> {
  const client = await SmtpClient.open(relay.port, from);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<s@sender.example>");
  await client.command("RCPT TO:<a@kontor.example>");
  expect(await client.command("DATA")).toMatch(/^354/);
  client.write("Subject: one\r\n\r\none");
  if (apart) {
    for (const byte of Buffer.from(form, "latin1")) {
      await turn();
      client.write(Buffer.from([byte]));
      await turn();
    }
    await turn();
    client.write(`${smuggled}QUIT\r\n`);
  } else {
    client.write(`${form}${smuggled}QUIT\r\n`);
  }
  const replies: string[] = [];
  for (let reply = await client.reply(); reply !== undefined; reply = await client.reply()) {
    replies.push(reply);
  }
  client.close();
  return replies;
}

describe("smuggling", () => {
  it(`is refused from outside in each of ${forms.length} forms, and nothing reaches the next hop`, async () => {
    for (const form of forms) {
      for (const apart of [false, true]) {
        const what = JSON.stringify(form);
        const expected =
          form === "\r\n."
            ? ["250 2.0.0 Accepted", "221 2.0.0 Bye"]
            : ["550 5.6.0 Message holds a bare CR, LF or NUL", "221 2.0.0 Bye"];
        expect(await converse(form, "127.0.0.1", apart), what).toEqual(expected);
      }
    }
    // "\r\n.MAIL" is a line with a dot that nobody doubled: one message, its line without the dot.
    expect(hop.received.map(({ recipients }) => recipients)).toEqual([["a@kontor.example"], ["a@kontor.example"]]);
    expect(hop.violations.filter((text) => !text.includes("not doubled"))).toEqual([]);
    // What a hop saw of the refused ones holds nothing that some other hop might take for an end, and no end at all.
    await hop.until(() => hop.partial.length === 2 * (forms.length - 1));
    for (const partial of hop.partial) {
      expect(partial.toString("latin1")).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n|\n\./);
    }
  });

  it("from a client with RELAYCLIENT is one message with whole line ends", async () => {
    for (const form of forms.filter((text) => text !== "\r\n.")) {
      for (const apart of [false, true]) {
        const before = hop.received.length;
        const what = JSON.stringify(form);
        const violations = hop.violations.length;
        expect(await converse(form, "127.0.0.3", apart), what).toEqual(["250 2.0.0 Accepted", "221 2.0.0 Bye"]);
        expect(hop.received.length, what).toBe(before + 1);
        const { message, recipients } = hop.received.at(-1) ?? { message: Buffer.alloc(0), recipients: [] };
        expect(recipients).toEqual(["a@kontor.example"]);
        expect(message.toString("latin1"), what).toMatch(/one[\r\n.]+MAIL FROM:<evil@sender\.example>[^]*two\r\n$/);
        expect(message.toString("latin1"), what).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n/);
        // A dot that the client did not double goes on as it came; the hop takes it away, as RFC 5321 4.5.2 has it.
        expect(
          hop.violations.slice(violations).filter((text) => !text.includes("not doubled")),
          what,
        ).toEqual([]);
      }
    }
  });
});
