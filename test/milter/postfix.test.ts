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
const keywords = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN"];
const users = ["y550@kontor.example", "tempfail@kontor.example"];

describe.skipIf(lacks)("the check milter beside Postfix", () => {
  let doer: Doer;
  /** Asked after the other. */
  let second: Doer;
  let scene: MailScene;
  let hop: NextHop;
  let postfix: Postfix;

  beforeAll(async () => {
    [doer, second, hop] = await Promise.all([startDoer(), startDoer(), startNextHop()]);
    const section = (url: string): string => `url = "${url}"\ndefault_action = "defer"`;
    [scene, postfix] = await Promise.all([
      MailScene.start({ "milter:one": section(doer.url), "milter:two": section(second.url) }, { users, keywords }),
      startPostfix({
        main: {
          smtpd_milters: `${doer.url}, ${second.url}`,
          milter_default_action: "tempfail",
          relay_domains: "kontor.example",
          relayhost: `[127.0.0.1]:${hop.port}`,
        },
      }),
    ]);
  }, 90_000);
  afterAll(() => Promise.all([scene.close(), postfix.stop(), hop.close(), doer.close(), second.close()]));

  /** Says the same to one of them. @returns what it answered, what the milter was told, and what its hop got */
  async function converse(port: number, arrived: NextHop, lines: readonly string[], messages: number) {
    const [from, next, before] = [doer.told().length, second.told().length, arrived.received.length];
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
      // Postfix tells the second of an abort where the first has refused MAIL, too.
      second: second
        .told()
        .slice(next)
        .filter(([, event]) => event !== "abort")
        .flatMap(common),
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

  /** The server's own Received field keeps its place. */
  function withoutTrace(message: string): string {
    return message
      .replace(/^Received: .*\r\n\tby (?:mx\.kontor|postfix)\.example .*\r\n(?:[ \t].*\r\n)*/m, "Received: own\r\n")
      .replaceAll(/^(?:Message-Id|Date): .*\r\n/gm, "");
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
    expect(ours.told).toContainEqual(["abort", undefined, "undefined"]);
  }, 60_000);

  it("is told the parameters of MAIL and RCPT as they came", async () => {
    const lines = [
      "EHLO client.example",
      "MAIL FROM:<ann@far.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=QQ+2B314",
      "RCPT TO:<anna@kontor.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;anna+2Bx@old.example",
      "RCPT TO:<bert@kontor.example>",
      "RCPT TO:<tempfail@kontor.example> NOTIFY=NEVER",
      "QUIT",
    ];
    const ours = await converse(scene.relay.port, scene.hop, lines, 0);
    const theirs = await converse(postfix.port, hop, lines, 0);
    // When a transaction without a message is given up is not what is compared here.
    const toldOf = ({ told }: typeof ours) => told.filter((event) => !(Array.isArray(event) && event[0] === "abort"));
    expect([ours.codes, toldOf(ours)]).toEqual([theirs.codes, toldOf(theirs)]);
    expect(JSON.stringify(ours.told)).toContain("NOTIFY=SUCCESS,DELAY");
    expect(JSON.stringify(ours.told)).toContain("ENVID=QQ+2B314");
  }, 60_000);

  it("puts a field as far above or below the server's own Received field as it says", async () => {
    // More than one milter: each puts its own.
    const inserts = [
      ["0"],
      ["1"],
      ["2"],
      ["3"],
      ["99"],
      ["1", "1"],
      ["0", "2"],
      ["2", "0"],
      ["2", "1", "3", "0"],
      ["change Received 1 new"],
      ["delete Received 1"],
    ];
    const message = (steps: readonly string[]): string =>
      [
        "Received: from before.example",
        "From: ann@far.example",
        ...steps.map((step, i) => `X-Do: ${/^\d/.test(step) ? `insert ${step} X-Field-${i} ${step}` : step}`),
        "",
        "Hello",
        ".",
      ].join("\r\n");
    const lines = inserts.flatMap((steps) => [
      "MAIL FROM:<ann@far.example> SIZE=100 BODY=8BITMIME",
      "RCPT TO:<anna@kontor.example>",
      "DATA",
      message(steps),
    ]);
    const all = ["EHLO client.example", ...lines, "QUIT"];
    const ours = await converse(scene.relay.port, scene.hop, all, inserts.length);
    const theirs = await converse(postfix.port, hop, all, inserts.length);
    const order = ({ got }: typeof ours): string[] => got.map(({ message }) => message).sort();
    expect(order(ours)).toEqual(order(theirs));
    expect([ours.told, ours.second]).toEqual([theirs.told, theirs.second]);
  }, 60_000);
});
