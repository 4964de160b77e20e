/** Checks of `checks/` in a relay, between a client and a next hop that are real: what the tests of this folder begin with. */
import { join } from "node:path";

import { expect } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const folder = join(import.meta.dirname, "checks");
const users = ["anna@kontor.example", "bert@kontor.example", "cora@kontor.example", "postmaster@kontor.example"];

/** Of the test under way. */
export let hop: NextHop;
/** Undefined before {@link start}. */
export let relay: TestRelay | undefined;

/** To be called before each test. */
export async function openScene(): Promise<void> {
  hop = await startNextHop();
}

/** To be called after each test. */
export async function closeScene(): Promise<void> {
  await relay?.stop();
  relay = undefined;
  await hop.close();
}

/**
 * A relay that runs these checks of the folder, then goodmailto.
 * @param checks name → settings; "name:instance" is an instance, and a name of goodmailto's own is its own check
 */
export async function start(checks: Readonly<Record<string, string>>, more = ""): Promise<TestRelay> {
  const own = [...new Set(Object.keys(checks).map((label) => label.split(":", 1).join()))].filter(
    (name) => name !== "score",
  );
  const load = own.map((name) => JSON.stringify(join(folder, `${name}.ts`)));
  const sections = Object.entries(checks).map(([label, body]) => {
    const [name, instance] = label.split(":");
    return instance === undefined ? `[checks.${name}]\n${body}` : `[[checks.${name}]]\nname = "${instance}"\n${body}`;
  });
  const run = [...Object.keys(checks), "goodmailto"].map((name) => JSON.stringify(name));
  relay = await startTestRelay({
    snapshot: users,
    config: [
      `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"`,
      `[checks]\nload = [${load.join(", ")}]\nrun = [${run.join(", ")}]`,
      ...sections,
      more,
    ].join("\n"),
  });
  return relay;
}

/** A client whose recipients were accepted. */
export async function open(recipients: readonly string[] = ["anna@kontor.example"]): Promise<SmtpClient> {
  const client = await SmtpClient.open(relay?.port ?? 0);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<ann@far.example>");
  for (const recipient of recipients) {
    expect(await client.command(`RCPT TO:<${recipient}>`)).toMatch(/^250/);
  }
  return client;
}

/** Sends a message in wire form with its final dot; the reply to that. */
export async function send(
  wire: string | readonly Buffer[],
  recipients?: readonly string[],
): Promise<string | undefined> {
  const client = await open(recipients);
  expect(await client.command("DATA")).toMatch(/^354/);
  for (const piece of typeof wire === "string" ? [Buffer.from(wire, "latin1")] : wire) {
    client.write(piece);
  }
  const answer = await client.reply(60_000);
  client.close();
  return answer;
}

/** What the hop has below our Received field. */
export function below(message: Buffer | undefined): string {
  return (message ?? Buffer.alloc(0)).toString("latin1").replace(/^Received: (?:[^\r\n]*\r\n[ \t])*[^\r\n]*\r\n/, "");
}
