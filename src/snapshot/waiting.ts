/**
 * `[snapshot] canary`: a new list waits beside the one that serves, until relays without that setting have tried it.
 * What a person goes back to, or wants at once, does not wait; nor does a list that goes on, with more in it or the same.
 */
import type { Log } from "../report/log.ts";
import type { Content } from "./content.ts";
import type { Image } from "./image.ts";
import { findServed, keepServed } from "./served.ts";
import type { Trust } from "./trust.ts";

/** How long a new list waits. */
export interface Wait {
  /** ms; 0: not at all. */
  readonly time: number;
  /** Where the list that serves is kept for the next start; "": nowhere. */
  readonly file: string;
  /** A command only reads that file. */
  readonly keeps: boolean;
}

/** No list waits. */
export const noWait: Wait = { time: 0, file: "", keeps: false };

/** A list that waits. */
interface WaitingList {
  readonly image: Image;
  readonly content: Content;
  /** When it is taken, ms since 1970. */
  readonly until: number;
}

/** What is said of one. Times are ms since 1970. */
export interface WaitingFacts {
  readonly created: number;
  readonly since: number;
  readonly until: number;
}

/**
 * Until when a new list waits, ms since 1970; undefined: not at all.
 * @param serving undefined: there is none, and a list that nobody has tried is better than none
 * @param wait ms from when the list was first published. If the clock of the sync is ahead, from now
 */
export function waitsUntil(
  fresh: Pick<Image, "since" | "held" | "urgent">,
  serving: Pick<Image, "since"> | undefined,
  wait: number,
  now: number,
): number | undefined {
  const until = Math.min(fresh.since + wait, now + wait);
  const atOnce = serving === undefined || fresh.held !== undefined || fresh.urgent || fresh.since === serving.since;
  return atOnce || until <= now ? undefined : until;
}

/** A list to serve from now on. @see content */
export interface Due extends Omit<WaitingList, "until"> {
  /** Whether it is the newest of those that waited. */
  readonly isNewest: boolean;
}

/** The lists that wait: the one whose turn is next, and the newest, which may be another where lists come often. */
export class WaitingLists {
  readonly #path: string;
  readonly #log: Log;
  readonly #now: () => number;
  #wait: Wait;
  #next: WaitingList | undefined;
  #newest: WaitingList | undefined;

  /** @param now ms since 1970 */
  constructor(path: string, log: Log, wait: Wait, now: () => number) {
    this.#path = path;
    this.#log = log;
    this.#wait = wait;
    this.#now = now;
  }

  /** Undefined: none waits. */
  get facts(): WaitingFacts | undefined {
    const { image, until } = this.#next ?? {};
    return image === undefined || until === undefined
      ? undefined
      : { created: image.created, since: image.since, until };
  }

  /** Asked about recipients that the list which serves does not know: whoever joins must not wait. */
  get newest(): Image | undefined {
    return this.#newest?.image;
  }

  /**
   * For lists that come from now on; the newest is to be judged again.
   * @param wait undefined: as before
   * @param isOther what waits was judged by other keys
   */
  change(wait: Wait | undefined, isOther: boolean): void {
    this.#wait = wait ?? this.#wait;
    if (isOther) {
      this.clear();
    }
  }

  /** The list that served before this start, if a new one would have to wait for it. */
  findServed(fresh: Image, trust: Trust): Image | undefined {
    const { time, file } = this.#wait;
    const now = this.#now();
    // Any list that serves, but not the same.
    return time === 0 || waitsUntil(fresh, { since: Number.NaN }, time, now) === undefined
      ? undefined
      : findServed({ path: this.#path, file, wait: time }, trust, fresh.since, now);
  }

  /** Whether a new list waits; if not, none does any more. */
  admit(fresh: Image, content: Content, serving: Image | undefined): boolean {
    const until = waitsUntil(fresh, serving, this.#wait.time, this.#now());
    if (until === undefined) {
      this.clear();
      return false;
    }
    this.#add({ image: fresh, content, until });
    const [created, then] = [fresh.created, this.#next?.until ?? until].map((at) => new Date(at).toISOString());
    this.#log.info("snapshot", "new list waits for the canaries", { path: this.#path, created, until: then });
    return true;
  }

  /** One that goes on takes the place of what it goes on from. */
  #add(list: WaitingList): void {
    if (this.#newest !== this.#next) {
      this.#newest?.image.close();
    }
    this.#newest = list;
    if (this.#next === undefined) {
      this.#next = list;
    } else if (this.#next.image.since === list.image.since) {
      this.#next.image.close();
      this.#next = { ...list, until: Math.min(list.until, this.#next.until) };
      this.#newest = this.#next;
    }
  }

  /** The list whose time has come; it does not wait any more. */
  takeDue(): Due | undefined {
    const list = this.#next;
    if (list === undefined || this.#now() < list.until) {
      return undefined;
    }
    const isNewest = this.#newest === list;
    this.#next = isNewest ? undefined : this.#newest;
    this.#newest = this.#next;
    return { ...list, isNewest };
  }

  /** Keeps a list that begins to serve for the next start. */
  keep(content: Content): void {
    const { time, file, keeps } = this.#wait;
    if (time > 0 && file !== "" && keeps) {
      void keepServed(content, file, this.#log);
    }
  }

  /** None waits any more. */
  clear(): void {
    [...new Set([this.#next, this.#newest])].forEach((list) => list?.image.close());
    this.#next = undefined;
    this.#newest = undefined;
  }
}
