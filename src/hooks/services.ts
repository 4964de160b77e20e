/** What a check may use of the rest: given to `create`, never imported. */
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import type { Post } from "../mail/notice.ts";
import type { Dns } from "../dns/resolver.ts";
import type { Cdb } from "../files/cdb.ts";
import type { ListEntry, Remark } from "../files/list-reader.ts";
import type { Watched } from "../files/watched.ts";
import type { Log } from "../report/log.ts";
import type { Recipients } from "../snapshot/recipients.ts";
import type { Table } from "../state/table.ts";
import type { Scanners } from "./scanner.ts";

/** List files by `[control] folders`; errors are logged under the name of the check. */
export interface Lists {
  /**
   * A list, read again when it changes; a missing one has no entries.
   * @param name an absolute path, or a name looked for in the folders; "" is always missing
   * @param read makes the value; `skip` says why an entry is left out, `warn` why one that counts may not be meant so
   */
  list<T>(name: string, read: (entries: readonly ListEntry[], skip: Remark, warn: Remark) => T): Watched<T>;
  /** The cdb map `NAME.cdb`; undefined while it is missing. */
  map(name: string): Watched<Cdb | undefined>;
  /** Where a file of another form is: the first that is there, otherwise where it is looked for first; "" for "". */
  path(name: string): string;
}

/** What is remembered between sessions, shared by all workers of a machine or a fleet: `[state]`. */
export interface Tables {
  /** @param bounds `ttl`: the longest life of a row in ms; `most`: rows, beyond which the oldest is forgotten */
  table<Row>(name: string, bounds: { readonly ttl: number; readonly most: number }): Table<Row>;
}

/** What every check has. */
export interface Services {
  /** The check as in `[checks] run`. */
  readonly label: string;
  readonly recipients: Recipients;
  readonly domains: Domains;
  /** Whether addresses go to one next hop, as far as they go to any. */
  readonly sameNextHop: (mailboxes: readonly Mailbox[]) => boolean;
  readonly dns: Dns;
  readonly lists: Lists;
  readonly state: Tables;
  readonly scanner: Scanners;
  /** The relay's own name, as it greets. */
  readonly hostname: string;
  /** Sends a mail of the relay's own, by [[route]]. */
  readonly post: Post;
  readonly log: Log;
  /** ms since 1970; injected, so that tests own the clock. */
  readonly now: () => number;
}
