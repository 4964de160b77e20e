/** Which senders a login may use: `[auth] sender`, from the directory's entries and the file that adds to them. */
import { allows, parseSenderMap } from "../auth/sender-map.ts";
import type { SenderMap } from "../auth/sender-map.ts";
import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { ControlFile } from "../files/control-file.ts";
import { parseMailbox } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import { silentLog } from "../report/log.ts";
import type { Log } from "../report/log.ts";
import { createOwners } from "../snapshot/owners.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";

/** More would bury the rest. */
const mostWarnings = 20;

/** Whether a login may use a sender. */
export type MayUse = (login: string, sender: Mailbox) => boolean;

/** Undefined if every login may use every sender. */
export function createSenders(
  settings: Settings,
  snapshot: SnapshotReader,
  domains: Domains,
  log: Log,
): MayUse | undefined {
  const { auth, recipients } = settings;
  if (auth.sender === "any") {
    return undefined;
  }
  const owns = createOwners(snapshot, domains, recipients, ownDomains(settings));
  const map = openMap(auth.sender_map, log, (text) =>
    log.warning("auth", "sender map: entry that never matches", { text }),
  );
  return (login, sender) => {
    if (allows(map.current(), login, sender)) {
      return true;
    }
    const mailbox = parseMailbox(login);
    const answer = mailbox === undefined ? "other" : owns(mailbox, sender);
    // Without a list the relay stays open here too: all mail of all users would stop otherwise.
    return answer !== "other";
  };
}

function openMap(path: string, log: Log, unusable: (text: string) => void): ControlFile<SenderMap> {
  return new ControlFile(
    path,
    (lines) => parseSenderMap(lines, unusable),
    Date.now,
    (_event, facts) => log.error("auth", "sender map cannot be read", { ...facts }),
  );
}

/** What of the file would match no login and no sender, for `config check`. */
export function senderMapWarnings({ auth }: Settings): Warning[] {
  const warnings: Warning[] = [];
  openMap(auth.sender_map, silentLog, (text) => {
    if (warnings.length < mostWarnings) {
      const message = `"${text}" never matches: a line is "login: address @domain …"`;
      warnings.push({ path: ["auth", "sender_map"], message });
    }
  }).current();
  return warnings;
}
