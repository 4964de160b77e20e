/** A snapshot of the test directory's Domino, and what a relay answers to every line of its expectations. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { ownDomains } from "../../src/config/own-domains.ts";
import type { Settings } from "../../src/config/sections.ts";
import { formatFault } from "../../src/config/toml.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { SnapshotReader } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { publish } from "../snapshot/fixture.ts";
import { source } from "../sync/reading.ts";

const directories = new URL("../directories/", import.meta.url).pathname;

/** Addresses of the expectations, and some that they lack: extensions, routes, quotes, odd spellings. */
export const questions: readonly string[] = [
  ...readFileSync(`${directories}domino.expected.tsv`, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t")[0] ?? ""),
  "vyildiz+list@kontor.example",
  "vyildiz+list+more@kontor.test",
  "vera.yildiz+x@kontor.test",
  "nobody+vyildiz@kontor.example",
  "+vyildiz@kontor.example",
  "postmaster+x@kontor.test",
  "POSTMASTER@kontor.test",
  "abuse@sub.kontor.test",
  "vyildiz%partner.example@kontor.example",
  "vyildiz+x%partner.example@kontor.example",
  "partner.example!vyildiz@kontor.example",
  '"vyildiz"@kontor.example',
  '"vyildiz@partner.example"@kontor.example',
  "Jan_Becker%kontor@kontor.test",
];

/** Settings as a configuration file would give them. */
export function settingsOf(text: string, folder: string): Settings {
  const loaded = checkConfig(text, join(folder, "goodmailto.toml"), schemaFor, []);
  if (loaded.kind === "faults") {
    throw new Error(loaded.faults.map(formatFault).join("\n"));
  }
  return loaded.settings;
}

/** The domains of the test directory. */
export const kontorConfig = `[domains]
relay = ["kontor.example"]
aliases = { "kontor.test" = "kontor.example" }
[snapshot]
path = "snapshot.sqlite"
`;

/** Publishes the Domino directory. */
export async function publishDomino(path: string): Promise<void> {
  const domino = source({
    preset: "domino",
    notes_domain: "KONTOR",
    type: "ldif",
    url: [`${directories}domino.ldif`],
  });
  await publish(path, [domino]);
}

/** The relay's answer, by the relay's own code. @param now what is in grace then counts, as in an export */
export function relayAnswers(
  settings: Settings,
  now?: number,
): { readonly reader: SnapshotReader; ask(text: string): boolean } {
  const reader = openSnapshot(settings.snapshot.path, silentLog);
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const { find, ownDomain } = createRecipients(reader, domains, settings.recipients, ownDomains(settings));
  return {
    reader,
    ask: (text) => {
      const mailbox = parseMailbox(text);
      const ours = mailbox !== undefined && (mailbox.domain === "" || domains.canonical(mailbox.domain) !== undefined);
      if (!ours) {
        return false;
      }
      const found = find(mailbox);
      const { grace } = ownDomain?.(mailbox) ?? settings.recipients;
      return found.kind === "known" || (found.kind === "gone" && now !== undefined && now - found.since < grace);
    },
  };
}
