/** Questions to unknown senders: who gets one, what answers do, and what bounds them. A relay, a next hop, a name server. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { challenge } from "../../../src/checks/envelope/challenge.ts";
import { isAnswer, makeQuestion, tokenOf } from "../../../src/checks/envelope/challenge-question.ts";
import { ChallengeState } from "../../../src/checks/envelope/challenge-state.ts";
import { silentLog } from "../../../src/report/log.ts";
import { MemoryStore } from "../../../src/state/memory.ts";
import { State } from "../../../src/state/state.ts";
import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import { startNextHop } from "../../fakes/next-hop.ts";
import type { NextHop } from "../../fakes/next-hop.ts";
import { startTestRelay } from "../../fakes/relay.ts";
import type { TestRelay } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";
import { questionIn } from "../../fakes/question.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { Clock, mailbox } from "../fixture.ts";

const asked = "450 4.7.1 A question was sent to you; answer it, then this message is accepted";
const later = "450 4.7.1 Sender not known to this recipient";
describe("challenge in mode challenge", () => {
  let hop: NextHop;
  let dns: FakeDns;
  let relay: TestRelay;
  let config: string;
  beforeEach(async () => {
    hop = await startNextHop({});
    dns = await startDns();
    dns.add("aligned.example", "TXT", "v=spf1 ip4:127.0.0.1 -all");
    dns.add("other.example", "TXT", "v=spf1 ip4:192.0.2.1 -all");
    dns.add("silent.example", "TXT", "no SPF here");
    config = `[dns]\nservers = ["${dns.server}"]\ntimeout = "2s"\n[checks]\nrun = ["challenge", "goodmailto"]
[checks.challenge]\nprotect = ["kontor.example"]\nmode = "challenge"\nfrom = "ask@kontor.example"\nattempts = 2
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;
    relay = await startTestRelay({ snapshot: ["vera", "ask"], config });
  });
  afterEach(async () => {
    await relay.stop();
    await hop.close();
    await dns.close();
  });

  /** What is said to RCPT, or to the final dot if there is a message. */
  const send = async (from: string, to: string, message?: string): Promise<string | undefined> => {
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command(`MAIL FROM:<${from}>`);
    const rcpt = await client.command(`RCPT TO:<${to}>`);
    if (message === undefined || rcpt?.startsWith("250") !== true) {
      client.close();
      return rcpt;
    }
    await client.command("DATA");
    const answer = await client.command(`${message}\r\n.`);
    client.close();
    return answer;
  };
  const question = (n = 0) => {
    const { message, recipients, sender } = hop.received[n] ?? { message: Buffer.alloc(0), recipients: [], sender: "" };
    return { sender, recipients, text: message.toString(), ...questionIn(message) };
  };

  it("asks an aligned sender once, and takes its mail when it has answered", async () => {
    expect(await send("New@aligned.example", "vera@kontor.example")).toBe(asked);
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(asked);
    expect(hop.received).toHaveLength(1);
    const { sender, recipients, subject, text, answer } = question();
    expect([sender, recipients]).toEqual(["", ["New@aligned.example"]]);
    expect(text).toMatch(/^From: <ask@kontor\.example>\r\n/);
    expect(text).toContain("Auto-Submitted: auto-generated");
    const body = `\r\n\r\nIt is ${answer}.\r\n> five plus five`;
    // Another's answer, one without the token, and a machine's decide nothing.
    expect(await send("other@aligned.example", "ask@kontor.example", `Subject: ${subject}${body}`)).toMatch(/^250/);
    expect(await send("new@aligned.example", "ask@kontor.example", `Subject: Re: what${body}`)).toMatch(/^250/);
    const machine = `Auto-Submitted: auto-replied\r\nSubject: ${subject}${body}`;
    expect(await send("new@aligned.example", "ask@kontor.example", machine)).toMatch(/^250/);
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(asked);
    expect(await send("new@aligned.example", "ask@kontor.example", `Subject: Re: ${subject}${body}`)).toMatch(/^250/);
    expect(await send("new@aligned.example", "vera@kontor.example")).toMatch(/^250/);
    // Known to whom it wrote, and to nobody else.
    expect(await send("new@aligned.example", "ask@kontor.example")).toMatch(/^250/);
    expect(relay.log.join("\n")).toContain("challenge: question answered, sender is known");
  }, 30_000);

  it("refuses wrong answers, and the sender after too many of them", async () => {
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(asked);
    const { subject, answer } = question();
    const wrong = `Subject: Re: ${subject}\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(`${answer + 1}\r\n`).toString("base64")}`;
    expect(await send("new@aligned.example", "ask@kontor.example", wrong)).toBe(
      "550 5.7.1 That is not the answer to the question",
    );
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(asked);
    expect(await send("new@aligned.example", "ask@kontor.example", wrong)).toMatch(/^550/);
    expect(await send("new@aligned.example", "vera@kontor.example")).toMatch(/^550 5\.7\.1 Sender not accepted/);
    // Too late.
    expect(await send("new@aligned.example", "ask@kontor.example", wrong.replace(/\S+$/, String(answer)))).toMatch(
      /^250/,
    );
    expect(await send("new@aligned.example", "vera@kontor.example")).toMatch(/^550/);
  }, 30_000);

  it.each(["a@other.example", ""])("asks nobody in the name of %j, which is forged", async (from) => {
    expect(await send(from, "vera@kontor.example")).toBe(later);
    expect(hop.received).toEqual([]);
  });

  it.each(["a@silent.example", "a@nowhere.example"])(
    "asks nobody in the name of %j, of which SPF says nothing, for a message that nobody has signed",
    async (from) => {
      expect(await send(from, "vera@kontor.example", "From: a@silent.example\r\n\r\nhello")).toBe(later);
      expect(await send(from, "vera@kontor.example", "")).toBe(later);
      expect(hop.received).toEqual([]);
    },
  );

  it("asks for the letters of a picture, if it is to", async () => {
    relay.reload(config.replace("attempts = 2", "attempts = 2\nimage = true"));
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(asked);
    const { text, subject } = question();
    expect(text.match(/^Content-Type: image\/gif; name="letters.gif"\r$/gm)).toHaveLength(1);
    expect(text).not.toContain("plus");
    const picture = Buffer.from(/filename="letters\.gif"\r\n\r\n(.*?)\r\n--/s.exec(text)?.[1] ?? "", "base64");
    expect(picture.subarray(0, 6).toString()).toBe("GIF89a");
    const answer = (body: string) =>
      send("new@aligned.example", "ask@kontor.example", `Subject: ${subject}\r\n\r\n${body}`);
    expect(await answer("see you there")).toMatch(/^550 5\.7\.1 That is not the answer/);
    expect(await answer("ok")).toMatch(/^250/);
  });

  it("asks nobody for a recipient that does not exist", async () => {
    expect(await send("new@aligned.example", "nobody@kontor.example")).toMatch(/^550 5\.1\.1/);
    expect(hop.received).toEqual([]);
  });

  it("says in the log why a question was not sent, and not to the sender that it was", async () => {
    hop.script.recipients = { "new@aligned.example": "550 5.1.1 No such user" };
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(later);
    expect(relay.log.join("\n")).toMatch(/challenge: question not sent .*why="550 5.1.1 No such user"/);
    // Nor the next time: no question is under way, and none is sent before tomorrow.
    expect(await send("new@aligned.example", "vera@kontor.example")).toBe(later);
  });
});

describe("challenge", () => {
  it.each([
    ["list", "550 5.7.1 Sender not known to this recipient"],
    ["observe", "250 2.1.5 Recipient OK"],
    ["score", "250 2.1.5 Recipient OK"],
    ["off", "250 2.1.5 Recipient OK"],
  ])("in mode %s sends nothing, and says to an unknown sender: %s", async (mode, said) => {
    const hop = await startNextHop({});
    const relay = await startTestRelay({
      snapshot: ["vera"],
      config: `[checks]\nrun = ["challenge", "goodmailto"]
[checks.challenge]\nmode = "${mode}"\nprotect = ["kontor.example"]
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`,
    });
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<new@far.example>");
    expect(await client.command("RCPT TO:<vera@kontor.example>")).toBe(said);
    client.close();
    await relay.stop();
    await hop.close();
    expect(hop.received).toEqual([]);
  });

  it("needs an address for answers", () => {
    expect(challenge.faults?.(settingsOf(challenge, { mode: "challenge" }))).toHaveLength(1);
    expect(challenge.faults?.(settingsOf(challenge, { mode: "challenge", from: "a@ours.example" }))).toEqual([]);
  });

  it("sends one question a day to a sender, and a hundred an hour in all", async () => {
    const clock = new Clock();
    const memory = new ChallengeState(new State(new MemoryStore(clock.now), silentLog), 1);
    const reserve = async (n: number) => memory.reserve(mailbox(`s${n}@far.test`));
    const first = await Promise.all(Array.from({ length: 101 }, async (_, n) => reserve(n)));
    expect(first.filter(Boolean)).toHaveLength(100);
    clock.time += 3_600_000;
    expect(await reserve(0)).toBe(false);
    expect(await reserve(200)).toBe(true);
    clock.time += 86_400_000;
    expect(await reserve(0)).toBe(true);
  });

  it("knows the answer among few numbers of the author's own", async () => {
    expect(isAnswer("19", "19")).toBe(true);
    expect(isAnswer("On 28 Nov 2026 they wrote:\n> a + b\n\n19", "19")).toBe(true);
    expect(isAnswer("> 19\nwhat?", "19")).toBeUndefined();
    expect(isAnswer("20", "19")).toBe(false);
    expect(isAnswer(Array.from({ length: 40 }, (_, n) => n).join(" "), "19")).toBe(false);
    for (let n = 0; n < 50; n++) {
      const language = n % 2 === 0 ? "en" : "de";
      const { subject, token, answer, lines } = await makeQuestion({ language, recipient: "vera@ours.example" });
      expect(tokenOf(`Re: ${subject}`)).toBe(token);
      expect(lines.join("\n")).not.toMatch(/\d/);
      expect(Number(answer)).toBeGreaterThanOrEqual(4);
      expect(Number(answer)).toBeLessThanOrEqual(24);
    }
  });

  it("knows the letters of a picture in a text, however they are written", async () => {
    const { answer, picture, lines } = await makeQuestion({
      language: "de",
      recipient: "vera@ours.example",
      template: "{recipient}: {question}",
      image: true,
    });
    expect(lines).toEqual(["vera@ours.example: die fünf Buchstaben auf dem Bild"]);
    expect(answer).toMatch(/^[a-z]{5}$/);
    expect(picture?.subarray(0, 3).toString()).toBe("GIF");
    for (const text of ["qwxyz", "Hello,\n\nit is QWXYZ.\n> old words", "Q W X Y Z\n", "q-w-x-y-z"]) {
      expect(isAnswer(text, "qwxyz")).toBe(true);
    }
    expect(isAnswer("hello", "qwxyz")).toBe(false);
    expect(isAnswer("> qwxyz\nno", "qwxyz")).toBeUndefined();
    expect(isAnswer(`${"wrong ".repeat(300)}qwxyz`, "qwxyz")).toBe(false);
  });
});
