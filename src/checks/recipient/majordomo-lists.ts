/** Majordomo's files of a mailing list: `NAME.config`, and files of members. */
import { join } from "node:path";

import type { ListEntry, Remark } from "../../files/list-reader.ts";
import type { Watched } from "../../files/watched.ts";
import type { Lists } from "../../hooks/services.ts";
import { normalKey } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Domains } from "../../mail/domains.ts";
import { addressesOf } from "../../message/addresses.ts";

/** Who may write to a list. */
export type Members =
  | { readonly kind: "everybody" }
  | { readonly kind: "only"; has(mailbox: Mailbox): boolean }
  /** Its configuration, or a file of members, is missing or empty. */
  | { readonly kind: "unavailable"; readonly path: string };

/** What a configuration says of posting; undefined: it says nothing at all. */
interface ListConfig {
  /** Names of files; none: everybody may. */
  readonly restrictPost: readonly string[];
}

/** More files than that of one list are a mistake. */
const mostFiles = 20;
const everybody = { kind: "everybody" } as const;

/** `key = value` lines; values of several lines (`key << END`) are of no interest, and their lines are skipped. */
function readConfig(entries: readonly ListEntry[], skip: Remark): ListConfig | undefined {
  let restrictPost: readonly string[] = [];
  let end: string | undefined;
  let seen = false;
  for (const entry of entries) {
    if (end !== undefined) {
      end = entry.text === end ? undefined : end;
      continue;
    }
    const [, key = "", mark, value = ""] = /^([A-Za-z_]+)\s*(=|<<)\s*(.*)$/.exec(entry.text) ?? [];
    if (mark === undefined) {
      skip(entry, "is not a setting: a line is KEY = VALUE");
      continue;
    }
    seen = true;
    if (mark === "<<") {
      end = value;
    } else if (key.toLowerCase() === "restrict_post") {
      restrictPost = value.split(/[\s:]+/).filter((name) => name !== "");
      if (restrictPost.length > mostFiles) {
        skip(entry, `names more than ${mostFiles} files`);
        return undefined;
      }
    }
  }
  return seen ? { restrictPost } : undefined;
}

/** The lists of a folder. */
export interface ListFolder {
  /** Who may write to a list now. */
  membersOf(name: string): Members;
}

/** An address per line, as `user@host`, `Name <user@host>` or `user@host (Name)`. */
export function readMembers(entries: readonly ListEntry[], skip: Remark): ReadonlySet<string> {
  const members = new Set<string>();
  for (const entry of entries) {
    const [mailbox, ...more] = addressesOf(entry.text) ?? [];
    if (mailbox === undefined || more.length > 0) {
      skip(entry, "is not one complete address");
    } else {
      members.add(normalKey(mailbox.user, mailbox.domain));
    }
  }
  return members;
}

/** The lists of a Majordomo folder. */
export class MajordomoLists implements ListFolder {
  readonly #folder: string;
  readonly #lists: Lists;
  readonly #domains: Domains;
  readonly #configs = new Map<string, Watched<ListConfig | undefined>>();
  readonly #members = new Map<string, Watched<ReadonlySet<string>>>();

  constructor(folder: string, lists: Lists, domains: Domains) {
    this.#folder = folder;
    this.#lists = lists;
    this.#domains = domains;
  }

  /** Who may write to a list now. */
  membersOf(name: string): Members {
    const path = join(this.#folder, `${name}.config`);
    const config = this.#configs.get(path) ?? this.#lists.list(path, readConfig);
    this.#configs.set(path, config);
    const { restrictPost } = config.current() ?? {};
    if (restrictPost === undefined) {
      return { kind: "unavailable", path };
    }
    if (restrictPost.length === 0) {
      return everybody;
    }
    const paths = restrictPost.map((file) => (file.startsWith("/") ? file : join(this.#folder, file)));
    const sets = paths.map((file) => this.#open(file).current());
    const missing = paths.find((_, i) => sets[i]?.size === 0);
    return missing === undefined ? onlyOf(sets, this.#domains) : { kind: "unavailable", path: missing };
  }

  #open(path: string): Watched<ReadonlySet<string>> {
    const members = this.#members.get(path) ?? this.#lists.list(path, readMembers);
    this.#members.set(path, members);
    return members;
  }
}

/** The addresses of some sets: each as it came, and at the relay domain if its own is an alias of one. */
export function onlyOf(sets: readonly ReadonlySet<string>[], domains: Domains): Members {
  const keysOf = ({ user, domain }: Mailbox): string[] => [
    normalKey(user, domain),
    normalKey(user, domains.canonical(domain) ?? domain),
  ];
  return { kind: "only", has: (mailbox) => keysOf(mailbox).some((key) => sets.some((set) => set.has(key))) };
}
