/**
 * mlmmj's folders of mailing lists, by its TUNABLES: `control/subonlypost` lets only subscribers write, and
 * `control/modonlypost` only the moderators; `control/modnonsubposts` leaves strangers to the moderators, which is
 * mlmmj's business.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { Watched } from "../../files/watched.ts";
import type { Lists } from "../../hooks/services.ts";
import type { Domains } from "../../mail/domains.ts";
import { onlyOf, readMembers } from "./majordomo-lists.ts";
import type { ListFolder, Members } from "./majordomo-lists.ts";

/** Which files of `control` are there; mlmmj does not look into them. */
const flags = ["", "subonlypost", "modonlypost", "modnonsubposts"] as const;
type Flag = (typeof flags)[number];

/** Subscribers of each kind: with each message, with digests, without mail. */
const subscribers = ["subscribers.d/", "digesters.d/", "nomailsubs.d/"];

/** What is watched of one list. */
interface MlmmjList {
  readonly control: Watched<ReadonlySet<Flag>>;
  readonly subscribers: readonly Watched<ReadonlySet<string>>[];
  readonly moderators: Watched<ReadonlySet<string>>;
}

/** The lists of an mlmmj folder. */
export class MlmmjLists implements ListFolder {
  readonly #folder: string;
  readonly #lists: Lists;
  readonly #domains: Domains;
  readonly #now: () => number;
  readonly #open = new Map<string, MlmmjList>();

  /** @param now ms */
  constructor(folder: string, lists: Lists, domains: Domains, now: () => number) {
    this.#folder = folder;
    this.#lists = lists;
    this.#domains = domains;
    this.#now = now;
  }

  /** Who may write to a list now. */
  membersOf(name: string): Members {
    const path = join(this.#folder, name);
    const list = this.#open.get(name) ?? this.#watch(path);
    this.#open.set(name, list);
    const control = list.control.current();
    if (!control.has("")) {
      return { kind: "unavailable", path: join(path, "control") };
    }
    if (control.has("modnonsubposts") || !(control.has("subonlypost") || control.has("modonlypost"))) {
      return { kind: "everybody" };
    }
    const [sets, place] = control.has("subonlypost")
      ? [list.subscribers.map((set) => set.current()), "subscribers.d"]
      : [[list.moderators.current()], "control/moderators"];
    return sets.every((set) => set.size === 0)
      ? { kind: "unavailable", path: join(path, place) }
      : onlyOf(sets, this.#domains);
  }

  #watch(path: string): MlmmjList {
    const paths = flags.map((flag) => join(path, "control", flag));
    const make = () => ({ value: new Set(flags.filter((_, i) => existsSync(paths[i] ?? ""))), looked: paths });
    const members = (file: string) => this.#lists.list(join(path, file), readMembers);
    return {
      // It never fails: what is not there, or cannot be seen, is not set.
      control: new Watched<ReadonlySet<Flag>>(new Set(), paths, make, this.#now, () => undefined),
      subscribers: subscribers.map(members),
      moderators: members("control/moderators"),
    };
  }
}
