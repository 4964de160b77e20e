/** A real rspamd with the line of docs/lookups.md, which asks us about the recipients of a message. */
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startRspamd } from "../fakes/rspamd.ts";
import type { Rspamd } from "../fakes/rspamd.ts";
import { rich, sender } from "./addresses.ts";
import { blockOf } from "./page.ts";
import { startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

const message = "From: <someone@partner.example>\r\nSubject: Hallo\r\n\r\nHallo\r\n";

describe.skipIf(missing("rspamd"))("a real rspamd that asks goodmailto", () => {
  let asked: AskedRelay;
  let rspamd: Rspamd;

  beforeAll(async () => {
    asked = await startAskedRelay(["http"]);
    await asked.use(rich);
    const line = blockOf("rspamd", "dofile", {
      "127.0.0.1:10043": `127.0.0.1:${asked.portOf("http")}`,
      "/opt/goodmailto": join(import.meta.dirname, "../.."),
    });
    rspamd = await startRspamd(false, line);
  });
  afterAll(async () => {
    await Promise.all([rspamd?.close(), asked?.relay.stop()]);
  });

  /** What it would do with a message, its own words, and the number of unknown recipients. */
  async function ask(...users: string[]): Promise<readonly [action: string, text: string, unknown: string]> {
    const headers = new Headers({ from: sender, ip: "192.0.2.1" });
    users.forEach((user) => headers.append("rcpt", user.includes("@") ? user : `${user}@kontor.example`));
    const response = await fetch(`http://${rspamd.place}/checkv2`, {
      ...{ method: "POST", headers, body: message },
      signal: AbortSignal.timeout(10_000),
    });
    const { action, messages, symbols } = (await response.json()) as {
      action: string;
      messages?: { smtp_message?: string };
      symbols: Record<string, { options?: string[] }>;
    };
    const unknown = symbols["GOODMAILTO_UNKNOWN"]?.options?.[0] ?? "";
    return [action, messages?.smtp_message ?? "", unknown];
  }

  it.each([
    ["is known", ["vera.yildiz"], ["no action", "", ""]],
    ["is unknown", ["nobody"], ["reject", "5.1.1 No such user here", ""]],
    ["is in grace", ["weg"], ["soft reject", "4.2.1 Mailbox not available now, try again later", ""]],
    ["is for others", ["board"], ["reject", "5.7.1 Delivery not authorized", ""]],
    ["is not in a relay domain", ["x@elsewhere.example"], ["no action", "", ""]],
  ])("decides on a message whose only recipient %s", async (_, users, wanted) => {
    expect(await ask(...users)).toEqual(wanted);
  });

  it("lets a message with one known recipient pass, and counts the unknown ones", async () => {
    expect(await ask("nobody", "vera.yildiz", "niemand")).toEqual(["no action", "", "2"]);
    expect(await ask("nobody", "niemand")).toEqual(["reject", "5.1.1 No such user here", ""]);
  });

  it("tells who sends", async () => {
    await ask("team");
    expect(asked.relay.log.at(-1)).toContain(`host: 192.0.2.1 from: ${sender} to: team`);
  });

  it("lets every message pass while nobody answers", async () => {
    await asked.relay.stop();
    expect(await ask("nobody")).toEqual(["no action", "", ""]);
  });
});
