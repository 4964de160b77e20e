/** What the lists of a snapshot's history say of one recipient: those that are kept whole, and those that are differences. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeUnread, listAt, readHistory } from "../../sync/remember/history.ts";
import type { History, KeptList } from "../../sync/remember/history.ts";
import { openPast } from "../../sync/remember/past.ts";
import type { AskedNames } from "../../sync/remember/past.ts";
import { findOwnDomain } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { foldUser, normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import { errorMessage } from "../report/error-message.ts";
import { silentLog } from "../report/log.ts";
import { otherForms } from "../snapshot/forms.ts";
import { openSnapshot } from "../snapshot/reader.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import type { RecipientAnswer } from "../snapshot/recipients.ts";
import type { Trust } from "../snapshot/trust.ts";
import { iso } from "../report/iso-time.ts";
import { newestKnown } from "./trust.ts";
import { createService } from "./would-answer.ts";

/** A list that is looked into. Times are ms since 1970. */
export type LookedList = Pick<KeptList, "name" | "path" | "created" | "since"> & Partial<Pick<KeptList, "held">>;

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
  /** Newest first, and which of them served at the time; or why that is not known. */
  readonly found: { readonly looks: readonly Look[]; readonly index: number } | string;
}

/** Lists that are made whole again for one question, at most. */
const mostRestored = 100;

/** Looks into every list that is kept. */
export function lookBack(
  settings: Settings,
  trust: Trust,
  mailbox: Mailbox,
  time: number,
  history: History = readHistory(settings.snapshot.path),
): LookedBack {
  const looks = history.lists.map((list) => lookInto(settings, list, trust, mailbox));
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-past-"));
  const dispose = { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
  let fault = "";
  try {
    looks.push(...lookPast(settings, trust, mailbox, { looks, folder, time }));
  } catch (error) {
    fault = `${settings.snapshot.path}.past: ${errorMessage(error)}`;
  }
  const list = listAt(
    looks.map((look) => look.list),
    time,
  );
  const index = looks.findIndex((look) => look.list === list);
  return { found: index < 0 ? describeLack(looks, history, time, fault) : { looks, index }, ...dispose };
}

function describeLack(looks: readonly Look[], { damaged }: History, time: number, fault: string): string {
  const oldest = looks.at(-1)?.list;
  const kept = oldest === undefined ? "none is kept" : `the oldest that is kept served from ${iso(oldest.since)}`;
  return `no list of ${iso(time)}, ${[kept, ...damaged.map(describeUnread), ...(fault === "" ? [] : [fault])].join("; ")}`;
}

interface Back {
  /** At the lists that are kept whole. */
  readonly looks: readonly Look[];
  readonly folder: string;
  readonly time: number;
}

/** Looks at the lists before those: into the one that served at the time, and into those that may say something else. */
function lookPast(settings: Settings, trust: Trust, mailbox: Mailbox, { looks, folder, time }: Back): Look[] {
  const { path } = settings.snapshot;
  const past = openPast(path);
  let before = looks.at(-1);
  if (past === undefined || before === undefined) {
    past?.close();
    return [];
  }
  // Its own folder, and its own files: nobody signed them.
  const own = { ...trust, publicKeys: [] };
  const found: Look[] = [];
  try {
    const oldest = before.list.since;
    const wanted = before.list.since <= time ? undefined : past.lists.find(({ since }) => since <= time);
    const asked = namesOf(settings, trust, mailbox);
    let left = mostRestored;
    for (const { id, since, created } of past.lists.filter((list) => list.since < oldest)) {
      const target = join(folder, String(id));
      const list = { name: "past", path: target, created, since };
      if (id === wanted?.id || past.mayDiffer(id, asked)) {
        if (left-- === 0) {
          break;
        }
        past.restore(id, target);
        before = lookInto(settings, list, own, mailbox);
        if (id !== wanted?.id) {
          rmSync(target);
        }
      } else {
        before = { ...before, list };
      }
      found.push(before);
    }
  } finally {
    past.close();
  }
  return found;
}

/** What the rows that decide about a recipient may be named. */
function namesOf(settings: Settings, trust: Trust, { user, domain }: Mailbox): AskedNames {
  const { domains, recipients } = settings;
  const name = createDomains(domains.relay, domains.aliases).canonical(domain) ?? domain;
  const { recipient_delimiter: delimiters } = findOwnDomain(settings, name) ?? recipients;
  const users = [user, ...otherForms(user, delimiters, recipients.signed_return_paths)].map(foldUser);
  const snapshot = openSnapshot(settings.snapshot.path, silentLog, { trust });
  try {
    const stored = (key: string): string => snapshot.image?.stored(key) ?? key;
    const keys = users.flatMap((each) => [normalKey(each, name), each, `${each}@`]).map(stored);
    return { keys, users };
  } finally {
    snapshot.close();
  }
}

/** A kept list is older by its nature; only what is in place can be a replay. */
export function openList({ snapshot }: Settings, { name, path }: LookedList, trust: Trust): SnapshotReader {
  return openSnapshot(path, silentLog, name === "current" ? { trust, newest: newestKnown(snapshot) } : { trust });
}

function lookInto(settings: Settings, list: LookedList, trust: Trust, mailbox: Mailbox): Look {
  const snapshot = openList(settings, list, trust);
  try {
    const found = createService(settings, snapshot, Date.now).recipients.find(mailbox);
    const source = found.kind === "known" ? found.source : undefined;
    // Only a source whose changes are known is asked for them, and only a list that was made again can hold any.
    const mayHaveGrown =
      list.created > list.since &&
      snapshot.image?.sources.some(({ name, reached }) => name === source && reached !== "");
    return mayHaveGrown === true ? { list, found, addedUntil: list.created } : { list, found };
  } finally {
    snapshot.close();
  }
}
