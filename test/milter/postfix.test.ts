/** The same client and the same milter behind the relay and behind a real Postfix: what the milter is told, and what arrives. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MailScene } from "../checks/scanners/mail-scene.ts";
import { startDoer } from "../fakes/milter.ts";
import type { Doer, Told } from "../fakes/milter.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const lacks = missing("postfix") || missing("python3", "Milter") || !isRoot();
const users = ["y550@kontor.example", "tempfail@kontor.example"];

describe.skipIf(lacks)("the check milter beside Postfix", () => {
  let doer: Doer;
  let scene: MailScene;
  let hop: NextHop;
  let postfix: Postfix;

  beforeAll(async () => {
    [doer, hop] = await Promise.all([startDoer(), startNextHop()]);
    [scene, postfix] = await Promise.all([
      MailScene.start({ milter: `url = "${doer.url}"\ndefault_action = "defer"` }, { users }),
      startPostfix({
        main: {
          smtpd_milters: doer.url,
          milter_default_action: "tempfail",
          relay_domains: "kontor.example",
          relayhost: `[127.0.0.1]:${hop.port}`,
        },
      }),
    ]);
  }, 90_000);
  afterAll(() => Promise.all([scene.close(), postfix.stop(), hop.close(), doer.close()]));

  /** Says the same to one of them. @returns what it answered, what the milter was told, and what its hop got */
  async function converse(port: number, arrived: NextHop, lines: readonly string[], messages: number) {
    const [from, before] = [doer.told().length, arrived.received.length];
    const client = await SmtpClient.open(port);
    const codes = [await client.reply(20_000)];
    for (const line of lines) {
      codes.push(await client.command(line, 20_000));
    }
    client.close();
    await arrived.until(() => arrived.received.length >= before + messages, 30_000);
    return {
      codes: codes.map((reply) => reply?.split("\n").at(-1)?.slice(0, 3)),
      told: doer.told().slice(from).flatMap(common),
      got: arrived.received.slice(before).map(({ sender, recipients, message }) => ({
        sender,
        recipients,
        message: withoutTrace(message.toString("latin1")),
      })),
    };
  }

  /** Without ports, macros that name the server, and what Postfix adds to messages; `close` may be late. */
  function common([, event, name, value, macros]: Told): unknown[] {
    const isAdded = event === "header" && /^(?:Message-Id|Date)$/.test(String(name));
    if (event === "close" || isAdded) {
      return [];
    }
    return [event === "connect" ? [event, name, Object.keys(macros as object)[0]] : [event, name, shared(value)]];
  }

  function shared(value: unknown): unknown {
    return typeof value === "object" && value !== null && "{rcpt_addr}" in value ? value["{rcpt_addr}"] : String(value);
  }

  function withoutTrace(message: string): string {
    return message.replace(/^Received: .*\r\n(?:[ \t].*\r\n)*/m, "").replaceAll(/^(?:Message-Id|Date): .*\r\n/gm, "");
  }

  it("is told the same in the same order, answers the same, and makes the same of a message", async () => {
    const steps = [
      ...["insert 0 X-Zero 0", "insert 1 X-One 1", "insert 2 X-Two 2", "insert 4 X-Four 4", "add X-Last a\\n b"],
      ...["change X-Old 2 new", "change X-None 1 x", "delete X-Old 1", "body new\\n.dot"],
      ...["addrcpt bert@kontor.example", "from carl@far.example"],
    ];
    const header = [
      "From: ann@far.example",
      "X-Old: 1",
      "X-Old: 2",
      "  folded",
      ...steps.map((step) => `X-Do: ${step}`),
    ];
    const lines = [
      "EHLO client.example",
      "MAIL FROM:<ann@far.example>",
      "RCPT TO:<y550@kontor.example>",
      "RCPT TO:<anna@kontor.example>",
      "DATA",
      `${header.join("\r\n")}\r\n\r\n..Hello\r\n.`,
      ...["MAIL FROM:<>", "RSET", "EHLO again.example", "FOO"],
      ...["MAIL FROM:<reject@far.example>", "MAIL FROM:<tempfail@far.example>", "MAIL FROM:<ann@far.example>"],
      ...["RCPT TO:<tempfail@kontor.example>", "RCPT TO:<anna@kontor.example>", "DATA"],
      "From: ann@far.example\r\nX-Do: y451\r\n\r\nHello\r\n.",
      "QUIT",
    ];
    const ours = await converse(scene.relay.port, scene.hop, lines, 1);
    const theirs = await converse(postfix.port, hop, lines, 1);
    expect(ours).toEqual(theirs);
    expect(ours.got[0]?.message).toMatch(/^X-Zero: 0\r\nX-One: 1\r\nX-Two: 2\r\nX-Four: 4\r\nFrom: /);
    expect(ours.told).toContainEqual(["abort", undefined, "undefined"]);
  }, 60_000);
});
