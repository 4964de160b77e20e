/** The list, asked for addresses that are one letter away from a refused one. */
import type { Settings } from "../config/sections.ts";
import { parseMailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import { nearMiss } from "../trace/near-miss.ts";
import { recipientsOf } from "./own-domains.ts";
import { openForCommand } from "./trust.ts";

/** Whom the list has. */
export interface NearList {
  /** The address that was probably meant; undefined: none is near. */
  near(address: string): string | undefined;
  close(): void;
}

/** Opens it; undefined: it cannot be asked, and nothing is marked. */
export function openList(settings: Settings): NearList | undefined {
  const snapshot = openForCommand(settings);
  if (snapshot?.state.kind !== "open") {
    snapshot?.close();
    return undefined;
  }
  const recipients = recipientsOf(settings, snapshot, createDomains(settings.domains.relay, settings.domains.aliases));
  const isKnown = (address: string): boolean => {
    const mailbox = parseMailbox(address);
    return mailbox !== undefined && recipients.find(mailbox).kind === "known";
  };
  return {
    near(address) {
      const at = address.lastIndexOf("@");
      const domain = at < 0 ? "" : address.slice(at);
      // Where everybody is known, nobody is near.
      if (at <= 0 || isKnown(address) || isKnown(`goodmailto-near-miss-4711${domain}`)) {
        return undefined;
      }
      const user = nearMiss(address.slice(0, at), (one) => isKnown(one + domain));
      return user === undefined ? undefined : user + domain;
    },
    close: () => snapshot.close(),
  };
}
