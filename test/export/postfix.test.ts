/** The exported map in a real Postfix: it accepts and refuses exactly what the relay does. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { kontorConfig, publishDomino, questions, relayAnswers, settingsOf } from "./expected.ts";

/** What docs/exports.md tells for main.cf. */
const main = {
  relay_domains: "kontor.example kontor.test",
  recipient_delimiter: "+",
  myorigin: "kontor.example",
  // Domino's user%NOTESDOMAIN forms are listed; whatever is not listed is refused anyway.
  allow_untrusted_routing: "yes",
  smtpd_relay_restrictions: "reject_unauth_destination",
  smtpd_recipient_restrictions: "check_recipient_access regexp:{folder}/routes",
  relay_transport: "discard:",
  mynetworks: "192.0.2.1/32",
  // For the sake of the test: else ten refusals cost ten seconds.
  smtpd_error_sleep_time: "0",
  smtpd_soft_error_limit: "1000",
  smtpd_hard_error_limit: "1000",
};

/** An extension hides no route. */
const routes = '/^[^@]*\\+.*[%!:@"\\\\].*@/ REJECT\n';

/** Asks for every address, so many in a message. */
async function askAll(port: number, addresses: readonly string[], session: number): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  for (let at = 0; at < addresses.length; at += session) {
    const client = await SmtpClient.open(port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<sender@partner.example>");
    for (const address of addresses.slice(at, at + session)) {
      answers.set(address, (await client.command(`RCPT TO:<${address}>`)) ?? "closed");
    }
    await client.command("QUIT");
    client.close();
  }
  return answers;
}

describe.skipIf(missing("postfix") || missing("postmap") || !isRoot())("the exported map in a real Postfix", () => {
  let folder: string;
  let postfix: Postfix;
  let relay: TestRelay;
  let wanted: ReadonlyMap<string, boolean>;
  let stopHop: () => Promise<unknown>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gmto-export-"));
    const settings = settingsOf(kontorConfig, folder);
    await publishDomino(settings.snapshot.path);
    const { reader, ask } = relayAnswers(settings);
    wanted = new Map(questions.map((address) => [address, ask(address)]));
    if (reader.image === undefined) {
      throw new Error("no snapshot");
    }
    const recipients = exportImage(reader.image, settings, "postfix").bytes.toString("utf8");
    const texthash = exportImage(reader.image, settings, "texthash").bytes.toString("utf8");
    reader.close();
    postfix = await startPostfix({
      main: { ...main, relay_recipient_maps: "lmdb:{folder}/recipients" },
      files: { recipients, "recipients.text": texthash, routes },
      tables: ["lmdb:recipients"],
    });
    const hop = await startNextHop();
    stopHop = () => hop.close();
    relay = await startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n[limits]\nsession_errors = 1000\n`,
    });
    await publishDomino(relay.snapshotPath);
    await relay.relay.snapshot.check();
  });
  afterAll(async () => {
    await Promise.all([postfix?.stop(), relay?.stop(), stopHop?.()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(["lmdb", "texthash"])("answers as the relay does to every line of the test directory (%s)", async (kind) => {
    const file = kind === "lmdb" ? "recipients" : "recipients.text";
    await postfix.change({ relay_recipient_maps: `${kind}:${postfix.folder}/${file}` });
    const answers = await askAll(postfix.port, questions, 1000);
    const wrong = questions.filter((address) => answers.get(address)?.startsWith("250") !== wanted.get(address));
    const log = wrong.length === 0 ? "" : postfix.log();
    expect(
      wrong.map((address) => `${address}: ${answers.get(address)}`),
      log,
    ).toEqual([]);
    const verdicts = [...wanted.values()];
    expect([verdicts.filter(Boolean).length, verdicts.filter((ok) => !ok).length].every((count) => count > 40)).toBe(
      true,
    );
  });

  it("is the same that the relay says over the wire", async () => {
    const answers = await askAll(relay.port, questions, 10);
    const wrong = questions.filter((address) => answers.get(address)?.startsWith("250") !== wanted.get(address));
    expect(wrong.map((address) => `${address}: ${answers.get(address)}`)).toEqual([]);
  });
});
