/** A real Postfix that asks us: as a table by socketmap and tcp_table, and by its policy delegation. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishDomino, questions } from "../export/expected.ts";
import { lookupSections } from "./scene.ts";

const ways = ["socketmap", "tcp", "policy"] as const;
const config = `
[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
max_recipients = 10000
[limits]
session_errors = 1000
harvest_hangup_after = 0
harvest_client_limit = 0
harvest_delay_after = 0
[[route]]
domain = "*"
next_hop = "discard://"
${lookupSections(ways)}`;

describe.skipIf(missing("postfix") || missing("postmap") || !isRoot())("a real Postfix that asks goodmailto", () => {
  let relay: TestRelay;
  let postfix: Postfix;

  beforeAll(async () => {
    relay = await startTestRelay({
      config: config.replace('next_hop = "discard://"', 'next_hop = "maildir:{folder}/mail"'),
    });
    await publishDomino(relay.snapshotPath);
    await relay.relay.snapshot.check();
    const [, socketmap = 0, tcp = 0, policy = 0] = relay.ports;
    const places = { socketmap: `socketmap:inet:127.0.0.1:${socketmap}:x`, tcp: `tcp:127.0.0.1:${tcp}` };
    postfix = await startPostfix({
      main: {
        relay_domains: "kontor.example kontor.test",
        myorigin: "kontor.example",
        recipient_delimiter: "",
        // Postfix takes the subdomains of relay_domains for its own.
        parent_domain_matches_subdomains: "",
        allow_untrusted_routing: "yes",
        smtpd_relay_restrictions: "reject_unauth_destination",
        relay_transport: "discard:",
        mynetworks: "192.0.2.1/32",
        smtpd_error_sleep_time: "0",
        smtpd_soft_error_limit: "1000",
        smtpd_hard_error_limit: "1000",
      },
      listeners: {
        socketmap: `-o relay_recipient_maps=${places.socketmap}`,
        tcp: `-o relay_recipient_maps=${places.tcp}`,
        policy: `-o relay_recipient_maps= -o smtpd_recipient_restrictions=check_policy_service,inet:127.0.0.1:${policy}`,
      },
    });
  });
  afterAll(async () => {
    await Promise.all([postfix?.stop(), relay?.stop()]);
  });

  async function askAll(port: number, addresses: readonly string[]): Promise<string[]> {
    const client = await SmtpClient.open(port);
    try {
      await client.reply();
      await client.command("EHLO client.example");
      await client.command("MAIL FROM:<sender@partner.example>");
      const answers: string[] = [];
      for (const address of addresses) {
        answers.push((await client.command(`RCPT TO:<${address}>`)) ?? "closed");
      }
      return answers;
    } finally {
      client.close();
    }
  }

  it.each(ways)("gives every address of the test directory the relay's answer (%s)", async (way) => {
    const ours = await askAll(relay.port, questions);
    const theirs = await askAll(postfix.ports[way] ?? 0, questions);
    const code = (text: string | undefined): string => text?.slice(0, 1) ?? "";
    const wrong = questions.filter((_, i) => code(ours[i]) !== code(theirs[i]));
    expect(
      wrong.map((address) => `${address}: ${ours[questions.indexOf(address)]} / ${theirs[questions.indexOf(address)]}`),
    ).toEqual([]);
    expect(new Set(theirs.map(code))).toEqual(new Set(["2", "5"]));
    const unknown = theirs[questions.indexOf("nobody+vyildiz@kontor.example")];
    expect(unknown).toMatch(way === "policy" ? /^550 5\.1\.1 .*No such user here/ : /^550 5\.1\.1 .*User unknown/);
  });
});
