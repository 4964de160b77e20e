/** What the lists of a snapshot's history say of one recipient: those that are kept whole, and those that are differences. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Database from "better-sqlite3";

import { describeUnread } from "../../sync/remember/history.ts";
import type { Unread } from "../../sync/remember/history.ts";
import { openPast } from "../../sync/remember/past.ts";
import type { AskedNames, Past as PastLists } from "../../sync/remember/past.ts";
import { findOwnDomain } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { foldUser, normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import { errorMessage } from "../report/error-message.ts";
import { otherForms } from "../snapshot/forms.ts";
import type { Image } from "../snapshot/image.ts";
import type { Asked, RecipientAnswer } from "../snapshot/recipients.ts";
import type { Trust } from "../snapshot/trust.ts";
import { iso } from "../report/iso-time.ts";
import { openedAs } from "./kept-lists.ts";
import type { KeptLists, LookedList, OpenList } from "./kept-lists.ts";
import { recipientsOf } from "./own-domains.ts";

/** What one list says of the recipient. */
export interface Look {
  readonly list: LookedList;
  readonly found: RecipientAnswer;
  /**
   * Until when an incremental sync may have added the recipient, ms since 1970; not given: it was in the list from the
   * start.
   */
  readonly addedUntil?: number;
}

/** What was found, and what must be let go of afterwards. */
export interface LookedBack extends Disposable {
  /** Newest first, which of them served at the time, and what to ask it; or why that is not known. */
  readonly found: { readonly looks: readonly Look[]; readonly index: number; readonly asked: Asked } | string;
}

/** Lists that are made whole again for one question, at most. */
const mostRestored = 100;

/** Looks into every list that is kept. */
export function lookBack(
  settings: Settings,
  trust: Trust,
  mailbox: Mailbox,
  time: number,
  { lists, damaged }: KeptLists,
): LookedBack {
  const whole = lists.map((each) => lookInto(settings, each, mailbox));
  using stack = new DisposableStack();
  const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });
  const folder = stack.adopt(mkdtempSync(join(tmpdir(), "goodmailto-past-")), remove);
  let past: Past = { looks: [], reach: Number.POSITIVE_INFINITY, wanted: undefined };
  let fault = "";
  try {
    past = lookPast(settings, trust, mailbox, { current: lists[0], whole, folder, time });
  } catch (error) {
    fault = `${settings.snapshot.path}.past: ${errorMessage(error)}`;
  }
  if (past.wanted !== undefined) {
    stack.use(past.wanted);
  }
  const looks = [...whole, ...past.looks].toSorted((one, other) => other.list.since - one.list.since);
  const index = looks.findIndex(({ list }) => list.since <= time);
  const list = looks[index]?.list;
  const asked = lists.find((each) => each.list === list)?.asked ?? past.wanted?.asked;
  // The differences have every list since the first of them; where they do not reach, a damaged one may have served.
  const gap = past.reach <= time ? [] : damaged.filter(liesBefore(looks.slice(0, index), list));
  const found =
    asked === undefined || gap.length > 0 ? describeLack(looks, damaged, time, fault) : { looks, index, asked };
  const held = stack.move();
  return { found, [Symbol.dispose]: () => held.dispose() };
}

/** Whether one that is damaged came after a list, and before the newer ones. By its name: its times are not known. */
function liesBefore(newer: readonly Look[], { name: older = "" }: Partial<LookedList> = {}): (one: Unread) => boolean {
  const age = (name: string): number => (name === "current" ? 0 : Number(name));
  const next = newer.map(({ list }) => list.name).findLast((name) => name !== "past");
  return ({ name }) => age(name) > (next === undefined ? -1 : age(next)) && age(name) < age(older);
}

function describeLack(looks: readonly Look[], damaged: readonly Unread[], time: number, fault: string): string {
  const oldest = looks.at(-1)?.list;
  const kept = oldest === undefined ? "none is kept" : `the oldest that is kept served from ${iso(oldest.since)}`;
  return `no list of ${iso(time)}, ${[kept, ...damaged.map(describeUnread), ...(fault === "" ? [] : [fault])].join("; ")}`;
}

interface Back {
  /** The newest; undefined: none is kept whole. */
  readonly current: OpenList | undefined;
  /** At the lists that are kept whole. */
  readonly whole: readonly Look[];
  readonly folder: string;
  readonly time: number;
}

interface Past {
  /** At those that are not kept whole as well. */
  readonly looks: readonly Look[];
  /** Since when every list is known, ms since 1970. */
  readonly reach: number;
  /** The list that served at the time, open; undefined: it is none of them. */
  readonly wanted: (OpenList & Disposable) | undefined;
}

/** Looks into what is kept as differences to the list that serves. */
function lookPast(settings: Settings, trust: Trust, mailbox: Mailbox, back: Back): Past {
  const { current } = back;
  // Without that list they say nothing, and of a forged one they would make forged ones.
  const image = current?.list.name === "current" ? current.asked.image : undefined;
  const past = image === undefined ? undefined : openPast(settings.snapshot.path);
  if (image === undefined || past === undefined) {
    return { looks: [], reach: Number.POSITIVE_INFINITY, wanted: undefined };
  }
  try {
    const names = namesOf(settings, image, mailbox);
    const found = lookThrough(past, names, back, (list) => {
      const restored = openRestored(list, trust);
      return { restored, look: lookInto(settings, restored, mailbox) };
    });
    if (current?.isSame() !== true) {
      found.wanted?.[Symbol.dispose]();
      throw new Error("the current list was written to while it was read");
    }
    return found;
  } finally {
    past.close();
  }
}

/** Looks into the list that served at the time, and into those that may say something else than the one after them. */
function lookThrough(
  past: PastLists,
  names: AskedNames,
  { current, whole, folder, time }: Back,
  open: (list: LookedList) => { readonly restored: OpenList & Disposable; readonly look: Look },
): Past {
  using stack = new DisposableStack();
  const wantedId = (current?.list.since ?? 0) <= time ? undefined : past.lists.find(({ since }) => since <= time)?.id;
  const looks: Look[] = [];
  let before = whole[0];
  let wanted: Past["wanted"];
  let reach = Number.POSITIVE_INFINITY;
  let left = mostRestored;
  for (const { id, since, created } of past.lists) {
    const list = { name: "past", path: join(folder, String(id)), created, since };
    const kept = whole.find((look) => look.list.since === since);
    if (kept !== undefined) {
      before = kept;
    } else if (before !== undefined && id !== wantedId && !past.mayDiffer(id, names)) {
      before = { ...before, list };
      looks.push(before);
    } else if (left-- === 0) {
      break;
    } else {
      past.restore(id, list.path);
      const { restored, look } = open(list);
      wanted = id === wantedId ? stack.use(restored) : wanted;
      if (restored !== wanted) {
        restored[Symbol.dispose]();
      }
      before = look;
      looks.push(look);
    }
    reach = since;
  }
  stack.move();
  return { looks, reach, wanted };
}

/** A list that this process has made just now, of what it had verified: nobody else can write to it. */
function openRestored(list: LookedList, trust: Trust): OpenList & Disposable {
  const database = new Database(list.path, { readonly: true, fileMustExist: true });
  const dispose = (): void => {
    database.close();
    rmSync(list.path, { force: true });
  };
  return { list, asked: openedAs(database, trust), isSame: () => true, [Symbol.dispose]: dispose };
}

/** What the rows that decide about a recipient may be named. */
function namesOf(settings: Settings, image: Image, { user, domain }: Mailbox): AskedNames {
  const { domains, recipients } = settings;
  const name = createDomains(domains.relay, domains.aliases).canonical(domain) ?? domain;
  const { recipient_delimiter: delimiters } = findOwnDomain(settings, name) ?? recipients;
  const users = [user, ...otherForms(user, delimiters, recipients.signed_return_paths)].map(foldUser);
  const keys = users.flatMap((each) => [normalKey(each, name), each, `${each}@`]).map((key) => image.stored(key));
  return { keys, users };
}

function lookInto(settings: Settings, { list, asked, isSame }: OpenList, mailbox: Mailbox): Look {
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const found = recipientsOf(settings, asked, domains).find(mailbox);
  if (!isSame()) {
    return { list, found: { kind: "unavailable", why: "it was written to while it was read" } };
  }
  const source = found.kind === "known" ? found.source : undefined;
  // Only a source whose changes are known is asked for them, and only a list that was made again can hold any.
  const mayHaveGrown =
    list.created > list.since &&
    asked.image?.sources.some(({ name, reached }) => name === source && reached !== "") === true;
  return mayHaveGrown ? { list, found, addedUntil: list.created } : { list, found };
}
