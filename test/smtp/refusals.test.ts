/** Every refusal is counted once, with its reason, whoever decided and at whatever stage: the sums agree. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { afterEach, describe, expect, it, vi } from "vitest";

import { makeHash } from "../../src/auth/backends/scrypt.ts";
import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { seriesNamed } from "../../src/ops/figures.ts";
import { limitNames } from "../../src/report/counters.ts";
import { hopReasons, serverReasons } from "../../src/report/refusal-reasons.ts";
import { reasonOf } from "../../src/smtp/refusals.ts";
import { answers } from "../../src/smtp/answers.ts";
import type { Moment } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, scene } from "../relay/scene.ts";
import { eventsOf, refusedOf, refusingPlugins, say, talk } from "./refusing.ts";

afterEach(closeScenes);

const config = `[log]
events = "all"
[smtp]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
max_recipients = 2
max_message_size = "1KB"
[spp]
home = "{folder}"
config = "smtpplugins"
[checks]
run = ["spp", "goodmailto"]
[limits]
session_errors = 200
harvest_hangup_after = 3
harvest_delay_after = 0
[clients]
rules = "rules"
[tls]
cert = "c.pem"
key = "k.pem"
[auth]
passwords = "passwords"
failure_delay = "1ms"
sender = "own"
[[listener]]
name = "smtp"
listen = ["127.0.0.1:0"]
tls = "off"
[[listener]]
name = "submission"
listen = ["127.0.0.1:0"]
auth = true
[[lookup]]
name = "maps"
protocol = "tcp"
listen = ["127.0.0.1:0"]
[[lookup]]
name = "policy"
protocol = "policy"
listen = ["127.0.0.1:0"]
`;

async function start(): Promise<TestRelay> {
  const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });
  const passwords = { text: `alice@kontor.example:${await makeHash("right")}\n`, mode: 0o600 };
  const dot = ({ transaction }: Moment): string | undefined => (transaction === 1 ? "554 5.7.1 Not this" : undefined);
  const { relay } = await scene(
    {
      recipients: { "full@kontor.example": "452 4.2.2 full", "gone@kontor.example": "550 5.1.1 gone" },
      answers: { dot },
    },
    config,
    {
      snapshot: ["a", "b", "full", "gone"],
      files: {
        smtpplugins: refusingPlugins,
        passwords,
        rules: "127.0.0.3:deny\n:allow\n",
        "c.pem": own.certificate,
        "k.pem": own.key,
      },
    },
  );
  return relay;
}

/** Of every stage and verb, in one session. */
const session = [
  ...[
    "MAIL FROM:<early@sender.example>",
    "HELO",
    "HELO bad.example",
    "EHLO client.example",
    "FROB",
    "EXPN list",
    "VRFY",
  ],
  ...[
    "AUTH PLAIN",
    "DATA",
    "RCPT TO:<a@kontor.example>",
    "XCLIENT NAME=x",
    "BDAT 3",
    "NOOP",
    "MAIL FROM:<a b@c.example>",
  ],
  ...[
    "MAIL FROM:<x@sender.example> SIZE=999999",
    "MAIL FROM:<x@sender.example> FOO=1",
    "MAIL FROM:<bad@sender.example>",
  ],
  ...[
    "MAIL FROM:<x@sender.example> SMTPUTF8",
    "MAIL FROM:<j\xc3\xbcrgen@sender.example>",
    "MAIL FROM:<queued@s.example>",
  ],
  ...["RCPT TO:<a@kontor.example>", "RSET", "MAIL FROM:<s@sender.example>", "MAIL FROM:<again@sender.example>", "DATA"],
  ...[
    "RCPT TO:<nobody@kontor.example>",
    "RCPT TO:<bad@kontor.example>",
    "RCPT TO:<x@elsewhere.example>",
    "RCPT TO:oops",
  ],
  ...["RCPT TO:<x%elsewhere.example@kontor.example>", "RCPT TO:<full@kontor.example>", "RCPT TO:<gone@kontor.example>"],
  ...["RCPT TO:<a@kontor.example> NOTIFY=NEVER", "DATA now", "DATA"],
  ...["RSET", "MAIL FROM:<s@sender.example>", "RCPT TO:<a@kontor.example>", "RCPT TO:<b@kontor.example>"],
  ...["RCPT TO:<a@kontor.example>", "DATA", "Subject: x\r\n\r\nx\r\n.", "MAIL FROM:<s@sender.example>"],
  ...["RCPT TO:<a@kontor.example>", "DATA", "Subject: x\r\n\r\na\rb\r\n."],
  ...[
    "MAIL FROM:<s@sender.example>",
    "RCPT TO:<a@kontor.example>",
    "DATA",
    `Subject: x\r\n\r\n${"x".repeat(2000)}\r\n.`,
  ],
  ...["MAIL FROM:<late@sender.example>", "RCPT TO:<a@kontor.example>", "DATA", "QUIT"],
];

/** Reasons by who decided, as `check: reason`, each as often as it was counted. */
function counted(relay: TestRelay): Map<string, number> {
  const series = seriesNamed(relay.metrics.totals(), "refusals").filter(({ value }) => value > 0);
  return new Map(series.map(({ labels, value }) => [`${labels.get("check")}: ${labels.get("reason")}`, value]));
}

/** The same of events. What a hop said is told by its code there. */
function told(relay: TestRelay): Map<string, number> {
  const all = new Map<string, number>();
  for (const line of eventsOf(relay, /^event: (?:refused|dropped)/)) {
    const by = / by=(\S+)/.exec(line)?.[1];
    const [, quoted, plain] = / reason=(?:"([^"]*)"|(\S+))/.exec(line) ?? [];
    const ofHop = / code=4/.test(line) ? "deferred" : "refused";
    const reason = quoted ?? plain;
    // The 421 is in place of a recipient that a check has found unknown, and is counted as that.
    const key = `${by}: ${by === "hop" ? ofHop : reason === "harvest" ? "unknown" : reason}`;
    all.set(key, (all.get(key) ?? 0) + 1);
  }
  return all;
}

const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, one) => all + one, 0);

describe("refusals", () => {
  it("are counted once each, with a reason, at every stage and for every verb, as the record has them", async () => {
    const relay = await start();
    const { port } = relay;
    const replies = [...(await talk(port, session))];
    replies.push(...(await talk(port, [], "127.0.0.2")));
    expect([...(await talk(port, [], "127.0.0.3")), ...(await talk(port, [], "127.0.0.4"))]).toEqual([
      undefined,
      undefined,
    ]);
    // Enough unknown recipients: 421 in place of the last one, then the client is blocked.
    const unknown = ["1", "2", "3"].map((user) => `RCPT TO:<${user}@kontor.example>`);
    replies.push(
      ...(await talk(port, ["EHLO c", "MAIL FROM:<s@sender.example>", ...unknown], "127.0.0.5")),
      ...(await talk(port, [], "127.0.0.5")),
    );
    const logins = await SmtpClient.open(relay.ports[1] ?? 0);
    await logins.reply();
    replies.push(...(await say(logins, ["EHLO c", "AUTH PLAIN", "STARTTLS"])));
    await logins.startTls();
    const login = (password: string): string =>
      `AUTH PLAIN ${Buffer.from(`\0alice@kontor.example\0${password}`).toString("base64")}`;
    const lines = ["EHLO c", "AUTH FOO", login("wrong"), "AUTH PLAIN", "*", login("right"), login("right")];
    replies.push(...(await say(logins, [...lines, "MAIL FROM:<bob@kontor.example>", "QUIT"])));
    logins.close();
    const refused = refusedOf(replies);
    expect(refused.length).toBeGreaterThan(40);
    // And two that were dropped without a word.
    await vi.waitFor(() => expect(sum(told(relay))).toBe(refused.length + 2));
    expect([...counted(relay)].toSorted()).toEqual([...told(relay)].toSorted());
    const reasons = [...counted(relay).keys()];
    expect(reasons).not.toContain("goodmailto: other");
    expect(reasons.length).toBeGreaterThanOrEqual(19);
    expect(reasons).toEqual(expect.arrayContaining(["hop: deferred", "hop: refused", "spp: dropped", "spp: plugin"]));
  });

  it("are counted where another mail server asks", async () => {
    const relay = await start();
    const ask = async (port: number, question: string): Promise<string> => {
      const socket = connect(port, "127.0.0.1");
      socket.write(question);
      const answer = await new Promise<string>((resolve, reject) => {
        socket.once("data", (bytes: Buffer) => resolve(bytes.toString())).once("error", reject);
      });
      socket.destroy();
      return answer;
    };
    const [, , tables = 0, policy = 0] = relay.ports;
    const policyOf = (recipient: string, ip = "127.0.0.9"): string =>
      `request=smtpd_access_policy\nprotocol_state=RCPT\nsender=s@sender.example\nrecipient=${recipient}\nclient_address=${ip}\n\n`;
    expect(await ask(tables, "get a@kontor.example\n")).toMatch(/^200 /);
    expect(sum(counted(relay))).toBe(0);
    await ask(tables, "get nobody@kontor.example\n");
    await ask(tables, "get a@elsewhere.example\n");
    await ask(tables, "get a%01b@kontor.example\n");
    expect(await ask(policy, policyOf("nobody@kontor.example"))).toMatch(/^action=550/);
    await ask(policy, policyOf("a@kontor.example", "127.0.0.3"));
    await ask(policy, policyOf("a@kontor.example"));
    expect([...counted(relay)].toSorted()).toEqual([
      ["goodmailto: client rule", 1],
      ["goodmailto: not a relay domain", 1],
      ["goodmailto: not an address", 1],
      ["goodmailto: unknown", 2],
    ]);
  });

  it("have a reason for each reply of the server itself, and the page about metrics lists it", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/monitoring.md"), "utf8");
    const replies = Object.values(answers).map((answer) => ("code" in answer ? answer : answer.reply));
    const refusing = replies.filter((reply) => (reply?.code ?? 0) >= 400);
    expect(refusing.map(reasonOf)).not.toContain("other");
    const all = [...serverReasons, ...limitNames, ...hopReasons, "dropped"];
    expect(all.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
  });
});
