/** A relay, a scripted next hop and a client: what the tests of this folder begin with. */
import { expect } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay, TestRelayOptions } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const open: { relay: TestRelay; hop: NextHop }[] = [];
/** Ends what the test began. */
export async function closeScenes(): Promise<void> {
  for (const { relay, hop } of open.splice(0)) {
    await hop.close();
    await relay.stop();
  }
}

/**
 * A relay with one next hop behind it.
 * @param config further TOML
 * @param timeout what the hop has for each answer: short if it will need it all, else long, for busy machines
 */
export async function scene(
  script: NextHopScript = {},
  config = "",
  options: Partial<TestRelayOptions> = {},
  timeout = "8s",
): Promise<{ relay: TestRelay; hop: NextHop }> {
  const hop = await startNextHop(script);
  const relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\ntimeout = "${timeout}"\ndata_timeout = "${timeout}"\n${config}`,
    ...options,
  });
  open.push({ relay, hop });
  return { relay, hop };
}

/** A client that has said EHLO. */
export async function hello(relay: TestRelay): Promise<SmtpClient> {
  const client = await SmtpClient.open(relay.port);
  expect(await client.reply()).toMatch(/^220 /);
  expect(await client.command("EHLO client.example")).toMatch(/^250/);
  return client;
}

/** One message; the replies to RCPT, DATA and dot, if it came so far. */
export async function send(
  client: SmtpClient,
  recipients = ["a@kontor.example"],
  text = "Subject: x\r\n\r\nx",
): Promise<string[]> {
  expect(await client.command("MAIL FROM:<s@sender.example>")).toMatch(/^250/);
  const replies: string[] = [];
  for (const recipient of recipients) {
    replies.push((await client.command(`RCPT TO:<${recipient}>`)) ?? "closed");
  }
  replies.push((await client.command("DATA")) ?? "closed");
  if (replies.at(-1)?.startsWith("354") === true) {
    replies.push((await client.command(`${text}\r\n.`)) ?? "closed");
  } else {
    expect(await client.command("RSET")).toBe("250 2.0.0 Flushed");
  }
  return replies;
}

/** Our final 250 and the hop's 2xx: one to one. */
export function expectHonest(replies: readonly (readonly string[])[], hop: NextHop): void {
  const ours = replies.filter((list) => list.some((text) => text.startsWith("354")) && list.at(-1)?.startsWith("250"));
  const theirs = hop.received.filter(({ answer }) => /^2(?:00|5\d) /.test(answer));
  expect(ours).toHaveLength(theirs.length);
}
