/** Unknown recipients that other mail servers ask for are handed to the sync as those of the relay's own clients. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { lookupProtocols } from "../../src/report/counters.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { askerOf } from "./askers.ts";
import { lookupSections } from "./scene.ts";

const sender = "someone@partner.example";

/** What is in the file after each protocol was asked for a recipient of its own, and the relay for one, beside "vera". */
async function askedBy(recipients: string): Promise<readonly string[]> {
  const config = `
[recipients]
asked_file = "asked"
${recipients}
[limits]
harvest_delay_after = 0
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:1"
${lookupSections()}`;
  const relay = await startTestRelay({ config, snapshot: ["vera@kontor.example"] });
  onTestFinished(() => relay.stop());
  for (const [i, protocol] of lookupProtocols.entries()) {
    const asker = await askerOf(protocol, relay.ports[i + 1] ?? 0);
    onTestFinished(() => asker.close());
    for (const address of [`${protocol}+List@KONTOR.test`, "vera@kontor.example", "vera@elsewhere.example"]) {
      await asker.ask(address, sender);
    }
  }
  const client = await SmtpClient.open(relay.port);
  onTestFinished(() => client.close());
  await client.reply();
  await client.command("EHLO client.example");
  await client.command(`MAIL FROM:<${sender}>`);
  await client.command("RCPT TO:<smtp+List@KONTOR.test>");
  // Lets go of the file, which is then written.
  relay.reload(config.replace('"asked"', '""'));
  return readFileSync(join(relay.folder, "asked"), "utf8").split("\n").slice(0, -1);
}

describe("the asked_file", () => {
  it.each([
    ["enforce", ""],
    ["observe", 'mode = "observe"'],
    ["enforce, with an old list", 'stale_after = "1ms"'],
  ])("has what lookups did not find, by every protocol (%s)", async (mode, recipients) => {
    const all = lookupProtocols.map((protocol) => `${protocol}+list@kontor.example`);
    // While the relay observes, the next hop is asked, and there is none here.
    expect(await askedBy(recipients)).toEqual(mode === "observe" ? all : [...all, "smtp+list@kontor.example"]);
  });
});
