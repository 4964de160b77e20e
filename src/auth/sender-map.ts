/**
 * The file that says which senders a login may use: `login: address address …` a line; `@domain` is every address
 * there, `*` every sender. A login without a line has none from here.
 */
import { normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { entryKey } from "../mail/list-entry.ts";

/** Entries by login, in normal form or "*". Letter case of a login counts, as in the password file. */
export type SenderMap = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the lines of the file. @param unusable is called with what can match nobody */
export function parseSenderMap(lines: readonly string[], unusable: (text: string) => void): SenderMap {
  const map = new Map<string, Set<string>>();
  for (const line of lines) {
    const at = line.indexOf(":");
    if (at <= 0) {
      unusable(line);
      continue;
    }
    const login = line.slice(0, at).trim();
    const entries = map.get(login) ?? new Set<string>();
    map.set(login, entries);
    for (const text of line.slice(at + 1).split(/[\s,]+/)) {
      const key = text === "*" ? text : entryKey(text);
      if (key !== undefined) {
        entries.add(key);
      } else if (text !== "") {
        unusable(text);
      }
    }
  }
  return map;
}

/** Whether the map lets a login use a sender. */
export function allows(map: SenderMap, login: string, { user, domain }: Mailbox): boolean {
  const entries = map.get(login);
  return entries !== undefined && ["*", `@${domain}`, normalKey(user, domain)].some((entry) => entries.has(entry));
}
