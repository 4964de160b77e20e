/**
 * Whether a login and a sender address belong to the same entry of the directory. The list holds no logins: a login
 * that is an address or a short name of its entry leads there by the same rows by which recipients are found. A hashed
 * list holds no entries, so that only the login's own address is its own there.
 */
import type { OwnDomain } from "../config/own-domains.ts";
import { normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import type { SnapshotReader } from "./reader.ts";
import { createDelimiters, otherForms } from "./forms.ts";
import type { LookupSettings } from "./recipients.ts";

/** "unavailable": there is no list to ask. */
export type Ownership = "own" | "other" | "unavailable";

/** Compiles the question. A sender may bear an extension or sign itself, as recipients may. */
export function createOwners(
  reader: SnapshotReader,
  domains: Domains,
  settings: LookupSettings,
  own: readonly OwnDomain[] = [],
): (login: Mailbox, sender: Mailbox) => Ownership {
  const delimitersOf = createDelimiters(settings, own);
  const { signed_return_paths: signed = true } = settings;
  const entriesOf = (users: readonly string[], domain: string): string[] =>
    users.flatMap((user) => [
      ...(domain === "" ? [] : (reader.image?.entriesOf(normalKey(user, domain), domain) ?? [])),
      ...(reader.image?.entriesOf(normalKey(user, ""), domain) ?? []),
    ]);
  return (login, sender) => {
    const domain = domains.canonical(sender.domain) ?? sender.domain;
    const home = domains.canonical(login.domain) ?? login.domain;
    const users = [sender.user, ...otherForms(sender.user, delimitersOf(domain), signed)];
    if (home !== "" && users.some((user) => normalKey(user, domain) === normalKey(login.user, home))) {
      return "own";
    }
    try {
      const entries = new Set(entriesOf([login.user], home));
      const isOwn = entries.size > 0 && entriesOf(users, domain).some((entry) => entries.has(entry));
      return reader.image === undefined ? "unavailable" : isOwn ? "own" : "other";
    } catch (error) {
      reader.fail(error);
      return "unavailable";
    }
  };
}
