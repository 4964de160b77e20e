/**
 * Clients, senders and recipients that the administrator trusts: qpsmtpd's whitelist_soft, and with `mode_all` its
 * whitelist (whitelist_hard), with their four files.
 */
import * as field from "../../config/fields.ts";
import { findMailbox, readClients } from "../../files/entries.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { next, pass } from "../../hooks/verdict.ts";
import type { Verdict } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { entryOrDomainKey } from "../../mail/list-entry.ts";

/** Addresses in normal form, `@domain`, and with `users` also `user@` for any domain. */
function readMailboxes(users: boolean): (entries: readonly ListEntry[], skip: Remark) => Map<string, true> {
  const keyOf = (text: string): string | undefined => {
    if (users && /^[^@]+@$/.test(text)) {
      return foldAscii(text);
    }
    return entryOrDomainKey(text);
  };
  return (entries, skip) => {
    const keys = new Map<string, true>();
    for (const entry of entries) {
      const key = keyOf(entry.text);
      if (key === undefined) {
        skip(entry, `can never match: an entry is user@host or a domain${users ? " or user@" : ""}`);
      } else {
        keys.set(key, true);
      }
    }
    return keys;
  };
}

function readNames(entries: readonly ListEntry[]): ReadonlySet<string> {
  return new Set(entries.map(({ text }) => foldAscii(text)));
}

/** What a match means: who is trusted, and which checks are left out. */
function take(session: CheckSession, owner: "session" | "transaction", isTrusted: boolean, all: boolean): Verdict {
  if (isTrusted || all) {
    session.apply({ kind: "whitelist", owner, policyOff: all });
  }
  // The directory is still asked: that a sender is trusted does not make a recipient exist.
  return all ? pass : next;
}

export const whitelist: CheckDefinition = defineCheck({
  name: "whitelist",
  doc: "Trusts the clients, HELO names, senders and recipients in four lists: later checks of the same hook are skipped, and checks with `whitelisted` in `unless` exempt trusted clients and senders. Put it in front of the checks that it should skip. It never allows relaying. The session variable WHITELISTCLIENT, set by a client rule, also makes a client trusted.",
  original:
    "qpsmtpd plugin whitelist_soft and, with `mode_all`, whitelist (whitelist_hard); that the relay domains and the directory still apply is goodmailto's own choice.",
  failure: "An empty or missing list trusts nobody.",
  stage: "policy",
  hooks: ["connection", "helo", "mail", "rcpt"],
  settings: {
    hosts: field.listFile(
      "Clients, one per line: an address, a prefix (192.0.2. or 2001:db8:), a block (192.0.2.0/24), or the beginning of an address.",
      "whitelisthosts",
    ),
    helo: field.listFile(
      "HELO names, one per line. A name proves nothing, so it skips only the checks at HELO; with mode_all it skips all.",
      "whitelisthelo",
    ),
    senders: field.listFile(
      "Senders, one per line: user@host, or a domain. The null sender is never listed.",
      "whitelistsenders",
    ),
    recipients: field.listFile(
      "Recipients, one per line: user@host, or a domain; with mode_all also user@. Without mode_all, the directory is not asked about them either, and the next hop decides.",
      "whitelistrcpt",
    ),
    mode_all: field.flag(
      false,
      "A match skips every check of policy and content, including virus scanners, until the session or transaction ends, as qpsmtpd's whitelist_hard does. The relay domains and the directory still apply.",
    ),
  },
  reasons: {},
  create({ hosts, helo, senders, recipients, mode_all: all }, { lists, log }) {
    const clients = lists.list(hosts, readClients);
    const names = lists.list(helo, readNames);
    const trusted = lists.list(senders, readMailboxes(false));
    const welcome = lists.list(recipients, readMailboxes(all));
    const note = (session: CheckSession, what: string, entry: string): void =>
      log.info("whitelist", "whitelisted", { session: session.id, what, entry });
    const isWelcome = (mailbox: Mailbox): boolean => {
      const entries = welcome.current();
      return findMailbox(entries, mailbox) !== undefined || (all && entries.has(`${foldAscii(mailbox.user)}@`));
    };
    return {
      connection(session) {
        const { ip } = session.client;
        const entry = session.has("WHITELISTCLIENT") ? "WHITELISTCLIENT" : clients.current().find(ip)?.text;
        if (entry === undefined) {
          return pass;
        }
        note(session, "client", entry);
        return take(session, "session", true, all);
      },
      helo(session) {
        const name = foldAscii(session.variables.get("SMTPHELOHOST") ?? "");
        if (!names.current().has(name)) {
          return pass;
        }
        note(session, "helo", name);
        return take(session, "session", false, all);
      },
      mail(session) {
        const sender = session.transaction?.sender;
        if (sender === undefined || findMailbox(trusted.current(), sender) === undefined) {
          return pass;
        }
        note(session, "sender", sender.raw);
        return take(session, "transaction", true, all);
      },
      rcpt(session) {
        const { recipient } = session;
        if (recipient === undefined || !isWelcome(recipient)) {
          return pass;
        }
        note(session, "recipient", recipient.raw);
        return take(session, "transaction", false, all);
      },
    };
  },
});
