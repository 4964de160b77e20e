/** Wires the answers of `goodmailto deliverabled`: the snapshot, and the directories that are asked live. */
import { dirname } from "node:path";

import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { codes } from "../deliverable/codes.ts";
import { nameDomains } from "../export/deliverable.ts";
import { isReply, readBare, unreadable } from "../lookup/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import type { Domains } from "../mail/domains.ts";
import { IpEntries, parseIpEntry } from "../mail/ip-entry.ts";
import { octetsOf } from "../mail/octets.ts";
import { silentLog } from "../report/log.ts";
import type { Log } from "../report/log.ts";
import { recipientsOf } from "./own-domains.ts";
import { createDelimiters, otherForms } from "../snapshot/forms.ts";
import type { RecipientAnswer } from "../snapshot/recipients.ts";
import { createLiveDirectory } from "../../sync/live/directory.ts";
import type { LiveAnswer, LiveDirectory } from "../../sync/live/directory.ts";
import { openServed } from "./trust.ts";
import { errorMessage } from "../report/error-message.ts";

/** What answers, until it is closed. */
export interface Inside {
  deliverable(address: string): number | Promise<number>;
  /** Undefined: not local. */
  local(address: string): string | undefined;
  readonly mayAsk: (ip: string) => boolean;
  close(): void;
}

/** Between two complaints about the same directory; ms. */
const complainEvery = 60_000;

/**
 * Connects to nothing yet.
 * @param file the configuration file
 * @param live names of sources
 * @throws FileFault, or RangeError where a source cannot be asked
 */
export function openInside(settings: Settings, file: string, live: readonly string[], log: Log): Inside {
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const directories = live.map((name) => openDirectory(settings, file, name, log));
  const needsList = live.length === 0 || settings.source.some(({ name }) => !live.includes(name));
  const snapshot = openServed(settings, needsList ? log : silentLog, false);
  snapshot.watch();
  const recipients = recipientsOf(settings, snapshot, domains);
  const own = (address: string): Mailbox | number => readOwn(address, domains, settings.smtp);
  return {
    mayAsk: createGate(settings.deliverabled.allow),
    close: () => {
      snapshot.close();
      directories.forEach((directory) => directory.close());
    },
    local: (address) => {
      const mailbox = own(address);
      return typeof mailbox === "number" ? undefined : mailbox.user;
    },
    deliverable(address) {
      const mailbox = own(address);
      if (typeof mailbox === "number") {
        return mailbox;
      }
      if (recipients.isAlways(mailbox)) {
        return codes.deliverable;
      }
      const listed = recipients.find(mailbox);
      // The list is asked about sources that are not asked live, and knows the catch-alls of all.
      const byList = listed.kind === "known" && (!live.includes(listed.source) || listed.as === "catchall");
      if (live.length === 0 || byList) {
        return codeOf(listed, recipients.ownDomain?.(mailbox) ?? settings.recipients);
      }
      return askAll(directories, mailbox, needsList && listed.kind === "unavailable");
    },
  };
}

/** An address of a relay domain, or the code for what is none. */
function readOwn(address: string, domains: Domains, smtp: Settings["smtp"]): Mailbox | number {
  const octets = octetsOf(address);
  const read = readBare(octets, { idn: smtp.idn, readsUtf8: () => smtp.smtputf8 !== "none" });
  if (isReply(read)) {
    return unreadable(octets, read, { domains }).kind === "foreign" ? codes.foreign : codes.undeliverable;
  }
  return domains.canonical(read.domain) === undefined ? codes.foreign : read;
}

function createGate(allow: readonly string[]): (ip: string) => boolean {
  const clients = new IpEntries<true>();
  for (const text of allow) {
    const entry = parseIpEntry(text);
    if (entry !== undefined) {
      clients.add(entry, true);
    }
  }
  return (ip) => clients.find(ip) === true;
}

/** A source, to be asked about single addresses. @throws RangeError */
export function openDirectory(settings: Settings, file: string, name: string, log: Log): LiveDirectory {
  const source = settings.source.find((one) => one.name === name);
  if (source?.type !== "ldap") {
    throw new RangeError(`"${name}" is not the name of a [[source]] of type ldap`);
  }
  const { signed_return_paths: signed } = settings.recipients;
  const delimitersOf = createDelimiters(settings.recipients, ownDomains(settings));
  const names = nameDomains(settings.domains);
  const complain = complainer(name, log);
  const directory = createLiveDirectory({
    settings: source,
    domains: createDomains(settings.domains.relay, settings.domains.aliases),
    aliasesOf: (domain) => names.namesOf(domain).filter((one) => one !== domain),
    otherForms: (user, domain) => otherForms(user, delimitersOf(domain), signed),
    folder: dirname(file),
    warn: (fault) => complain("base is missing, recipients are unknown", fault),
  });
  return {
    ...directory,
    async ask(recipient) {
      try {
        return await directory.ask(recipient);
      } catch (error) {
        complain("directory does not answer", error);
        throw error;
      }
    },
  };
}

function complainer(source: string, log: Log): (event: string, error: unknown) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (event, error) => {
    if (performance.now() - saidAt >= complainEvery) {
      saidAt = performance.now();
      log.warning("deliverabled", event, { source, why: errorMessage(error) });
    }
  };
}

/** The kindest answer of all directories; no "unknown" while one of them does not answer. */
async function askAll(directories: readonly LiveDirectory[], recipient: Mailbox, isUnsure: boolean): Promise<number> {
  const said = await Promise.allSettled(directories.map(async (directory) => directory.ask(recipient)));
  const answers = new Set<LiveAnswer>(said.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
  if (answers.has("known")) {
    return codes.deliverable;
  }
  if (answers.has("restricted") || answers.has("later")) {
    return answers.has("restricted") ? codes.laterLast : codes.laterFirst;
  }
  return isUnsure || said.some(({ status }) => status === "rejected") ? codes.away : codes.undeliverable;
}

/** Restricted recipients are "later": the relay's own list will know to whom they are open. */
function codeOf(
  answer: RecipientAnswer,
  { grace, stale_after: staleAfter }: Pick<Settings["recipients"], "grace" | "stale_after">,
): number {
  const unknown = (asOf: number | undefined): number =>
    staleAfter > 0 && asOf !== undefined && Date.now() - asOf > staleAfter ? codes.laterLast : codes.undeliverable;
  switch (answer.kind) {
    case "known":
      switch (answer.restriction?.kind) {
        case undefined:
        case "bounces":
          return codes.deliverable;
        case "later":
          return codes.laterFirst;
        case "internal":
        case "senders":
          return codes.laterLast;
      }
      break;
    case "gone":
      return Date.now() - answer.since < grace ? codes.laterFirst : unknown(answer.asOf);
    case "unknown":
      return answer.by === undefined ? unknown(answer.asOf) : codes.undeliverable;
    case "unavailable":
      return codes.away;
  }
}
