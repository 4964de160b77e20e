/** The first line of a message and the header lines in front of it; each input also through a real Postfix. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { FirstLine } from "../../src/smtp/message/first-line.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";

const forged = "(x) by mx.kontor.example with ESMTPSA id 1; Thu, 1 Jan 2026 00:00:00 +0000";
const separator = "From vera Thu Jan  1 00:00:00 2026";
const rest = "Subject: x\r\n\r\nText\r\n";

/** What a client sends, as a header and a body behind our trace field: message content before and after. */
const cases: readonly (readonly [name: string, sent: string, arrives: string])[] = [
  ["a field", rest, rest],
  ["an empty line", "\r\nText\r\n", "\r\nText\r\n"],
  ["a tab", `\t${forged}\r\n${rest}`, `\r\n\t${forged}\r\n${rest}`],
  ["a blank", ` ${forged}\r\n${rest}`, `\r\n ${forged}\r\n${rest}`],
  ["nothing but blanks", ` \t\r\n\t${forged}\r\n${rest}`, `\r\n \t\r\n\t${forged}\r\n${rest}`],
  ["plain text", `Hello Anna\r\n${rest}`, `\r\nHello Anna\r\n${rest}`],
  ["text of one word", `Hello\r\n${rest}`, `\r\nHello\r\n${rest}`],
  ["a colon without a name", `: x\r\n${rest}`, `\r\n: x\r\n${rest}`],
  ["eight-bit text", `\xc3\x84rger: x\r\n${rest}`, `\r\n\xc3\x84rger: x\r\n${rest}`],
  ["a control character", `\x0b${forged}\r\n${rest}`, `\r\n\x0b${forged}\r\n${rest}`],
  ["an mbox separator", `${separator}\r\n${rest}`, `X-Mailbox-Line: ${separator}\r\n${rest}`],
  ["a quoted mbox separator", `>${separator}\r\n${rest}`, `X-Mailbox-Line: >${separator}\r\n${rest}`],
  [
    "several of them, and a tab",
    `>>${separator}\r\n${separator}\r\n\t${forged}\r\n${rest}`,
    `X-Mailbox-Line: >>${separator}\r\nX-Mailbox-Line: ${separator}\r\n\r\n\t${forged}\r\n${rest}`,
  ],
];

/** Not compared: Postfix 3.7 looks at a stuffed dot instead of what it hides, and rewrites a blank before the colon. */
const stuffed: readonly (readonly [name: string, sent: string, arrives: string])[] = [
  ["a field in the obsolete form", `Subject : x\r\n${rest}`, `Subject : x\r\n${rest}`],
  ["a tab behind a stuffed dot", `.\t${forged}\r\n${rest}`, `\r\n\t${forged}\r\n${rest}`],
  ["a separator behind a stuffed dot", `.${separator}\r\n${rest}`, `X-Mailbox-Line: ${separator}\r\n${rest}`],
  ["a field that begins with a dot", `..Name: x\r\n${rest}`, `.Name: x\r\n${rest}`],
  ["a second dot", `..\t${forged}\r\n${rest}`, `\r\n.\t${forged}\r\n${rest}`],
];

/** The message behind its first trace field. */
function content(message: Buffer | undefined): string {
  return (message?.toString("latin1") ?? "").replace(
    /^Received: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*?[^\r]* [+-]\d{4}[^\r]*\r\n/,
    "",
  );
}

describe("the first line of a message", () => {
  afterEach(closeScenes);

  it.each([...cases, ...stuffed])("stands apart from our trace field: %s", async (_name, sent, arrives) => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    expect((await send(client, undefined, sent.slice(0, -2))).at(-1)).toMatch(/^250 /);
    expect(content(hop.received[0]?.message)).toBe(arrives);
    client.close();
  });

  it("stands apart from the header lines of a plugin", async () => {
    const { relay, hop } = await scene({}, '[spp]\nhome = "{folder}"\nconfig = "plugins"', {
      files: { plugins: "[data]\n./mark\n", mark: { text: "#!/bin/sh\necho 'HX-Trusted: yes'\n", mode: 0o755 } },
    });
    const client = await hello(relay);
    await send(client, undefined, `\t${forged}\r\nSubject: x\r\n\r\nText`);
    expect(content(hop.received[0]?.message)).toBe(`X-Trusted: yes\r\n\r\n\t${forged}\r\nSubject: x\r\n\r\nText\r\n`);
    client.close();
  });

  it("stands apart where bare line feeds and NUL are made whole", async () => {
    const { relay, hop } = await scene({}, '[clients]\nrules = "{folder}/rules"', {
      files: { rules: '127.:allow,RELAYCLIENT=""\n' },
    });
    const client = await hello(relay);
    for (const text of [`\0\t${forged}\nSubject: x`, `\0.\t${forged}\nSubject: x`, `${separator}\n\t${forged}`]) {
      await send(client, undefined, text);
    }
    expect(hop.received.map(({ message }) => content(message))).toEqual([
      `\r\n\t${forged}\r\nSubject: x\r\n`,
      `\r\n.\t${forged}\r\nSubject: x\r\n`,
      `X-Mailbox-Line: ${separator}\r\n\r\n\t${forged}\r\n`,
    ]);
    client.close();
  });

  it("is read the same in any segmentation", () => {
    for (const [name, sent] of [...cases, ...stuffed]) {
      const whole = new FirstLine().push(Buffer.from(sent, "latin1")).toString("latin1");
      const slow = new FirstLine();
      // A line ending never comes in two pieces.
      const pieces = sent.match(/\r\n|[^]/g) ?? [];
      const out = pieces.map((piece) => slow.push(Buffer.from(piece, "latin1")).toString("latin1"));
      expect([name, out.join("")]).toEqual([name, whole]);
    }
  });

  it("is held only as long as a name may be", () => {
    for (const endless of ["x".repeat(998), `.${"x".repeat(998)}`, `${">".repeat(900)}From x`]) {
      const line = new FirstLine();
      expect(line.push(Buffer.from(endless)).length).toBeGreaterThanOrEqual(endless.length - 1);
      expect(line.push(Buffer.from("y".repeat(5000)))).toHaveLength(5000);
    }
  });

  describe.skipIf(missing("postfix") || !isRoot())("beside Postfix", () => {
    let hop: NextHop;
    let postfix: Postfix;

    beforeAll(async () => {
      hop = await startNextHop({ keywords: [] });
      postfix = await startPostfix({
        main: {
          relayhost: `[127.0.0.1]:${hop.port}`,
          default_transport: "smtp",
          smtp_tls_security_level: "none",
          local_header_rewrite_clients: "",
          // As untrusted clients are treated, with the headers as they come.
          always_add_missing_headers: "no",
          disable_mime_output_conversion: "yes",
        },
      });
    });
    afterAll(async () => {
      await postfix.stop();
      await hop.close();
    });

    it("goes on as Postfix sends it on", async () => {
      const client = await SmtpClient.open(postfix.port);
      await client.reply();
      await client.command("EHLO client.example");
      for (const [index, [, sent]] of cases.entries()) {
        await send(client, [`${index}@kontor.example`], sent.slice(0, -2));
      }
      client.close();
      await hop.until(() => hop.received.length === cases.length, 60_000);
      const theirs = cases.map(([name], index) => {
        const found = hop.received.find(({ recipients }) => recipients[0] === `${index}@kontor.example`);
        return [name, content(found?.message)];
      });
      expect(theirs).toEqual(cases.map(([name, , arrives]) => [name, arrives]));
    }, 90_000);
  });
});
