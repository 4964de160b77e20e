/** The list as a DNS zone: served by Debian's nsd, and asked by the check dns_user, which must find whom the relay accepts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { dns_user } from "../../src/checks/recipient/dns_user.ts";
import { exportImage } from "../../src/commands/export.ts";
import type { Settings } from "../../src/config/sections.ts";
import { zoneRecords } from "../../src/export/zone.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { resolverOf } from "../dns/resolver-of.ts";
import { missing } from "../fakes/need.ts";
import { Nsd } from "../fakes/nsd.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf as checkSettings } from "../hooks/steps.ts";
import { asPrinted, atRecipient, makeSession } from "../checks/fixture.ts";
import { kontorConfig, publishDomino, questions, relayAnswers, settingsOf } from "./expected.ts";

/** What nsd and dns_user say of an address whose recipients are in that file. */
function finder(nsd: Nsd, form: string): (address: string) => Promise<boolean> {
  const dns = resolverOf([nsd.server], { timeout: 3000 }, silentLog);
  const domains = createDomains(["kontor.example", "all.example"], { "kontor.test": "kontor.example" });
  const services = servicesFor({ dns, domains });
  const check = dns_user.create(checkSettings(dns_user, { zone: "users.example", form }), services);
  return async (address) => {
    const verdict = await check.rcpt?.(atRecipient(makeSession(), address));
    return asPrinted(verdict ?? { kind: "drop" }) === "";
  };
}

describe.skipIf(missing("nsd"))("goodmailto export --format dns-zone", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-zone-"));
  let settings: Settings;
  let relay: ReturnType<typeof relayAnswers>;
  beforeAll(async () => {
    settings = settingsOf(kontorConfig, folder);
    await publishDomino(settings.snapshot.path);
    relay = relayAnswers(settings);
  });
  afterAll(() => {
    relay.reader.close();
    rmSync(folder, { recursive: true });
  });

  it.each(["plain", "hash"])("in form %s holds every address of the directory and no other", async (form) => {
    const { image } = relay.reader;
    if (image === undefined) {
      throw new Error("no snapshot");
    }
    const { bytes, left } = exportImage(image, settings, form === "hash" ? "dns-zone-hash" : "dns-zone");
    expect(left).toEqual([]);
    const nsd = await Nsd.start({ "users.example": bytes.toString("latin1") });
    try {
      const isFound = finder(nsd, form);
      let accepted = 0;
      for (const address of questions.filter((one) => parseMailbox(one)?.domain.startsWith("kontor.") === true)) {
        // Extensions are none of the zone's.
        const wanted = relay.ask(address) && !address.includes("+");
        accepted += wanted ? 1 : 0;
        expect([address, await isFound(address)]).toEqual([address, wanted]);
      }
      expect(accepted).toBeGreaterThan(100);
    } finally {
      await nsd.close();
    }
  });

  it("takes everybody of a catch-all domain, below names that exist as well, and nobody of another domain by it", async () => {
    const recipient = (user: string, domain: string) => ({ user, domain, kind: "account" }) as const;
    const { lines, count, left } = zoneRecords("plain", [
      { user: "", domain: "all.example", kind: "catchall" },
      recipient("b", "all.example"),
      recipient("x.y", "all.example"),
      recipient("vera", "kontor.example"),
      recipient("u".repeat(64), "kontor.example"),
    ]);
    expect([count, left]).toEqual([4, [`${"u".repeat(64)}@kontor.example`]]);
    const nsd = await Nsd.start({ "users.example": lines.join("\n") });
    try {
      const isFound = finder(nsd, "plain");
      const users = ["any", "b", "a.b", "a.a.b", "y", "x.y", "z.y", "z.x.y", "odd!one"];
      for (const user of users) {
        expect([user, await isFound(`${user}@all.example`)]).toEqual([user, true]);
      }
      expect(await isFound("vera@kontor.example")).toBe(true);
      expect(await isFound("a.vera@kontor.example")).toBe(false);
      expect(await isFound("nobody@kontor.example")).toBe(false);
    } finally {
      await nsd.close();
    }
  });
});
