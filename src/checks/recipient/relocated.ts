/**
 * relocated: a recipient that has moved is answered with the new address, 551 of RFC 5321 3.4. The file is Postfix's
 * relocated(5) form; qpsmtpd's redirect, which read one file per user, is lost.
 */
import * as field from "../../config/fields.ts";
import { firstLine } from "../../files/first-line.ts";
import { findRecipient, firstWord, readAddresses } from "../../files/entries.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { foldUser, parseMailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";

/** A word that may be a user's folder; a template never leaves its place by it. */
const folderName = /^[a-z0-9_][a-z0-9._+-]{0,63}$/;

/** An address that may be shown to a client, between angle brackets. */
function newAddress(text: string): string | undefined {
  const [word, rest] = firstWord(text);
  const mailbox = rest === "" && /^[\x21-\x7e]+$/.test(word) && !/[<>"]/.test(word) ? parseMailbox(word) : undefined;
  return mailbox === undefined || mailbox.domain === "" || mailbox.user === "" ? undefined : mailbox.raw;
}

/** Old addresses with the new ones. */
function readMoves(entries: readonly ListEntry[], skip: Remark): Map<string, string> {
  const usable = entries.filter((entry) => {
    const isUsable = newAddress(firstWord(entry.text)[1]) !== undefined;
    if (!isUsable) {
      skip(entry, "has no valid new address after the first one");
    }
    return isUsable;
  });
  return new Map(
    readAddresses(usable, skip)
      .values()
      .map(({ key, rest }) => [key, newAddress(rest) ?? ""]),
  );
}

export const relocated: CheckDefinition = defineCheck({
  name: "relocated",
  doc: "Refuses recipients that have moved with 551 and their new address. Put it before goodmailto in [checks] run, because they may no longer be in the directory.",
  original: "Postfix's relocated(5); qpsmtpd's redirect, which read a file of each user, is lost.",
  failure: "If the list is empty or missing, or the file of a user cannot be read, nobody has moved.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    file: field.listFile(
      "The list: one user@host (or @host for all its users) and the new address per line, as in Postfix's relocated(5). Case of the old address does not matter.",
      "relocated",
    ),
    homes: field.textBy(
      { allowed: 'a path from "/" with %u in it, or nothing', fits: (text) => text === "" || /^\/.*%u/.test(text) },
      "",
      "Path of per-user files, such as /home/%u/.redirect: %u is the user part in lower case, and the first line of the file is the new address. Used only for recipients in relay domains that are not in the list. The relay must have read permission. Empty: none.",
    ),
  },
  reasons: { moved: "relocated recipient" },
  unless: ["relay client"],
  create({ file, homes }, { domains, lists }) {
    const listed = lists.list(file, readMoves);
    const told = (address: string) => refuse("moved", reply(551, "5.1.6", `User not local; please try <${address}>`));
    const fromHome = async (path: string) => {
      const address = newAddress((await firstLine(path)) ?? "");
      return address === undefined ? pass : told(address);
    };
    return {
      rcpt({ recipient }) {
        if (recipient === undefined) {
          return pass;
        }
        const address = findRecipient(listed.current(), recipient, domains);
        if (address !== undefined || homes === "") {
          return address === undefined ? pass : told(address);
        }
        const user = foldUser(recipient.user);
        return folderName.test(user) ? fromHome(homes.replaceAll("%u", user)) : pass;
      },
    };
  },
});
