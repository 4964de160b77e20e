/** What the answer to a recipient was at a time and why, and since when it exists or is gone: `goodmailto explain`. */
import { describeUnread } from "../../sync/remember/history.ts";
import { findOwnDomain } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { parseMailbox } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import type { MailEvent } from "../report/event.ts";
import type { Verified } from "../snapshot/sealed.ts";
import type { Trust } from "../snapshot/trust.ts";
import { iso } from "../report/iso-time.ts";
import { openLists } from "./kept-lists.ts";
import type { KeptLists } from "./kept-lists.ts";
import { lookBack } from "./looks.ts";
import type { Look } from "./looks.ts";
import { ask, createService } from "./would-answer.ts";
import type { WouldAnswer } from "./would-answer.ts";

/** What is said of one recipient. Times are ISO 8601. */
export type Facts = WouldAnswer & {
  readonly at: string;
  readonly list: string;
  readonly served_from: string;
  readonly since: string;
  /** Relays with `[snapshot] canary` accepted until then whom the list before has; not given: they did not wait. */
  readonly waits_until?: string;
};

/**
 * What was said of a recipient at a time; or why that is not known.
 * @param verified the kept lists that this process has hashed before
 */
export async function explainAt(
  settings: Settings,
  trust: Trust,
  mailbox: Mailbox,
  text: string,
  time: number,
  verified?: Verified,
): Promise<Facts | string> {
  using kept = openLists(settings, trust, verified);
  return await explainBy(kept, settings, trust, mailbox, text, time);
}

async function explainBy(
  kept: KeptLists,
  settings: Settings,
  trust: Trust,
  mailbox: Mailbox,
  text: string,
  time: number,
): Promise<Facts | string> {
  using looked = lookBack(settings, trust, mailbox, time, kept);
  if (typeof looked.found === "string") {
    return looked.found;
  }
  const { looks, index, asked } = looked.found;
  const [look, older] = [looks[index], looks[index + 1]];
  if (look === undefined || look.found.kind === "unavailable") {
    return `${look?.list.path} cannot be read (${look?.found.kind === "unavailable" ? look.found.why : ""})`;
  }
  const { list } = look;
  const stranger = { variables: new Map<string, string>(), denied: false };
  const service = createService(settings, asked, () => time);
  const answer = await ask(service, text, mailbox, undefined, stranger, "");
  const since = [describeSince(looks, index), ...kept.damaged.map(describeUnread)].join("; ");
  const why = answer.why + describeDoubt(look, older, time, staleAfterOf(settings, mailbox));
  const until = list.held === undefined ? list.since + settings.snapshot.canary : 0;
  const waits = until > time ? { waits_until: iso(until) } : {};
  return { at: iso(time), list: list.name, served_from: iso(list.since), ...waits, since, ...answer, why };
}

/** As the relay counts it in the domain of a recipient. */
function staleAfterOf(settings: Settings, { domain }: Mailbox): number {
  const { aliases, relay } = settings.domains;
  const name = createDomains(relay, aliases).canonical(domain) ?? domain;
  return (findOwnDomain(settings, name) ?? settings.recipients).stale_after;
}

/** What the file of a list that was made again cannot tell of an earlier time; with "; " in front, "" for nothing. */
function describeDoubt(look: Look | undefined, older: Look | undefined, time: number, staleAfter: number): string {
  if (look === undefined || time >= look.list.created) {
    return "";
  }
  const made = iso(look.list.created);
  if (look.found.kind === "known") {
    return look.addedUntil === undefined || older?.found.kind === "known"
      ? ""
      : `; cannot tell whether it was already listed then: the list was rebuilt at ${made}, and an incremental sync may have added it`;
  }
  return staleAfter > 0 ? `; cannot tell whether the list was stale then: it was read again by ${made}` : "";
}

/**
 * Since when the list says what it says, and until when it did.
 * @param looks newest first
 */
export function describeSince(looks: readonly Look[], index: number): string {
  const look = looks[index];
  if (look === undefined || look.found.kind === "unavailable") {
    return "not known";
  }
  const exists = look.found.kind === "known";
  const isSame = ({ found }: Look): boolean => (found.kind === "known") === exists && found.kind !== "unavailable";
  let first = index;
  while (first + 1 < looks.length && looks.slice(first + 1, first + 2).every(isSame)) {
    first += 1;
  }
  const next = looks.slice(0, index).findLast((other) => !isSame(other));
  const until = next === undefined ? "" : `, until ${iso(next.list.since)}`;
  const start = iso(looks[first]?.list.since ?? 0);
  const isOldest = first === looks.length - 1;
  if (look.found.kind === "gone") {
    return `gone since ${iso(look.found.since)}${until}`;
  }
  const word = exists ? "exists" : isOldest ? "not listed" : "gone";
  const addedUntil = exists ? looks[first]?.addedUntil : undefined;
  if (addedUntil !== undefined) {
    const before = isOldest ? ", or before, the oldest list that is kept" : "";
    return `${word} since ${start} or later, by an incremental sync until ${iso(addedUntil)}${before}${until}`;
  }
  return `${word} since ${start}${isOldest ? " or before, the oldest list that is kept" : ""}${until}`;
}

/** Recipients of a message that are explained, at most. */
const mostExplained = 20;

/** An event, and for each recipient what the list said then, or why that is not known. */
export interface ExplainedEvent {
  readonly event: MailEvent;
  readonly recipients: readonly (Facts | string)[];
}

/** How far one goes: for each recipient, every kept list is asked. */
export interface Bounds {
  /** Recipients of all events together. */
  readonly most: number;
  /** ms after which no other recipient is explained. */
  readonly patience: number;
  /** The kept lists that this process has hashed before. */
  readonly verified?: Verified;
}

const unbounded: Bounds = { most: Number.POSITIVE_INFINITY, patience: Number.POSITIVE_INFINITY };

/** Explains what the journal has. Recipients beyond the bounds are left out. */
export async function explainEvents(
  settings: Settings,
  trust: Trust,
  events: readonly MailEvent[],
  { most, patience, verified }: Bounds = unbounded,
): Promise<ExplainedEvent[]> {
  using kept = openLists(settings, trust, verified);
  const explained: ExplainedEvent[] = [];
  const end = performance.now() + patience;
  let left = most;
  for (const event of events) {
    const recipients: (Facts | string)[] = [];
    for (const address of event.recipients.slice(0, mostExplained)) {
      if (left <= 0 || performance.now() > end) {
        break;
      }
      left -= 1;
      const mailbox = parseMailbox(address);
      recipients.push(
        mailbox === undefined
          ? `${address}: no address; the journal has it hashed`
          : await explainBy(kept, settings, trust, mailbox, address, event.at),
      );
    }
    explained.push({ event, recipients });
  }
  return explained;
}
