/**
 * Whom a new list would refuse of those who got mail: each of them is asked of both lists, by the relay's own code. A plain
 * list gives the names behind the hashes; in a hashed one the hashes themselves are looked up.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Mailbox } from "../../src/mail/address.ts";
import { normalKey } from "../../src/mail/address.ts";
import { openImage } from "../../src/snapshot/image.ts";
import type { Image } from "../../src/snapshot/image.ts";
import type { KeyedForm } from "../../src/snapshot/keyed.ts";
import type { Asked, RecipientAnswer, Recipients } from "../../src/snapshot/recipients.ts";
import { askList } from "../list/ask-list.ts";
import type { Active } from "./fetch.ts";

/** One recipient who would be refused. */
export interface Loss {
  /** The address; of a hashed list its hash. */
  readonly name: string;
  /** Of the whole address. */
  readonly full: string;
  /** Messages of this week. */
  readonly week: number;
  /** Of the row of the old list; "" where it is hashed. */
  readonly source: string;
  readonly entry: string;
  /** The row's own key. */
  readonly key: string;
}

/** What a replay found. */
export interface Replayed {
  readonly losses: readonly Loss[];
  /** Recipients that the old list accepts, and their messages of this week. */
  readonly active: number;
  readonly messages: number;
  /** Hashes of those that the new list accepts. */
  readonly accepted: ReadonlySet<string>;
}

/** Two lists, and how the relay asks them. */
export interface ReplayOptions {
  readonly oldPath: string;
  readonly newPath: string;
  /** Of the hashes. */
  readonly form: KeyedForm;
  /** Whether the lists hold hashes of that form. */
  readonly hashed: boolean;
  readonly recipientsOf: (asked: Asked) => Recipients;
}

type Translate = (key: string) => string;

/** Asks both lists about everybody. */
export function replay(active: readonly Active[], options: ReplayOptions): Replayed {
  const { oldPath, newPath, form, hashed, recipientsOf } = options;
  const ghosts = hashed ? createGhosts(active, form) : undefined;
  const users = hashed ? undefined : usersIn(oldPath, new Set(active.map(({ bare }) => bare)), form);
  return withImages([oldPath, newPath], ghosts, ([before, now]) => {
    const [askOld, askNew] = [before, now].map((image) => recipientsOf(askable(image)));
    const losses: Loss[] = [];
    const accepted = new Set<string>();
    const sum = { active: 0, messages: 0 };
    for (const one of active) {
      const mailbox = mailboxOf(one, users);
      const [old, fresh] = mailbox === undefined ? [] : [askOld?.find(mailbox), askNew?.find(mailbox)];
      if (fresh?.kind === "known") {
        accepted.add(one.full);
      }
      if (mailbox === undefined || old?.kind !== "known") {
        continue;
      }
      sum.active += 1;
      sum.messages += one.week;
      if (!isAccepted(fresh, old)) {
        losses.push({ ...{ full: one.full, week: one.week }, ...nameOf(one, mailbox, hashed), ...originOf(old) });
      }
    }
    return { losses, accepted, ...sum };
  });
}

/** A restriction that was not there refuses somebody, too. */
function isAccepted(fresh: RecipientAnswer | undefined, old: RecipientAnswer): boolean {
  return (
    fresh?.kind === "known" &&
    (fresh.restriction === undefined || (old.kind === "known" && old.restriction !== undefined))
  );
}

function originOf(answer: RecipientAnswer): Pick<Loss, "source" | "entry" | "key"> {
  const { source, entry, key } = answer.kind === "known" ? answer : { source: "", entry: "", key: "" };
  return { source, entry, key };
}

function nameOf({ full, bare, domain }: Active, { user }: Mailbox, hashed: boolean): Pick<Loss, "name"> {
  return { name: bare === "" ? `@${domain}` : hashed ? full : normalKey(user, domain) };
}

/** Undefined: the old list does not name it. A catch-all is asked about somebody whom nobody can have listed. */
function mailboxOf({ bare, domain }: Active, users: ReadonlyMap<string, string> | undefined): Mailbox | undefined {
  const user = bare === "" ? `x${randomBytes(12).toString("hex")}` : users === undefined ? bare : users.get(bare);
  return user === undefined ? undefined : { raw: `${user}@${domain}`, user, domain };
}

/** The user parts of a plain list behind these hashes. */
function usersIn(path: string, wanted: ReadonlySet<string>, { hash }: KeyedForm): Map<string, string> {
  const users = new Map<string, string>();
  return askList(path, (database) => {
    let latest = "";
    const keys = database.prepare<[], string>("SELECT DISTINCT key FROM recipient WHERE gone = 0").pluck();
    for (const key of keys.iterate()) {
      const at = key.lastIndexOf("@");
      const user = at < 0 ? key : key.slice(0, at);
      if (user !== latest && user !== "") {
        latest = user;
        const bare = hash(normalKey(user, ""));
        if (wanted.has(bare)) {
          users.set(bare, user);
        }
      }
    }
    return users;
  });
}

/**
 * In a hashed list a recipient is asked for by a ghost: a user part that is the hash of one. What the list would hold for
 * it is known, though nobody knows its name.
 */
function createGhosts(active: readonly Active[], { hash }: KeyedForm): Translate {
  const fulls = new Map(active.map(({ bare, domain, full }) => [`${bare}@${domain}`, full]));
  const bares = new Set(active.map(({ bare }) => bare));
  // A list by user parts has an "@" behind each, see src/snapshot/keyed.ts.
  const userOf = (key: string): string => (key.endsWith("@") ? key.slice(0, -1) : key);
  return (key) => fulls.get(key) ?? (bares.has(userOf(key)) ? userOf(key) : hash(key));
}

function askable(image: Image | undefined): Asked {
  const closed = { kind: "unavailable", why: "closed", detail: "" } as const;
  // What a lookup throws ends the replay: half of one is none.
  const fail = (error: unknown): never => {
    throw error;
  };
  return { image, state: closed, fail };
}

function withImages<T>(paths: readonly string[], hash: Translate | undefined, use: (images: readonly Image[]) => T): T {
  const images: Image[] = [];
  try {
    for (const path of paths) {
      images.push(openImage(readFileSync(path), undefined, hash));
    }
    return use(images);
  } finally {
    images.forEach((image) => image.close());
  }
}
