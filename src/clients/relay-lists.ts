/**
 * Who may relay by qpsmtpd's files relayclients, morerelayclients and norelayclients, after the client rules: the first two
 * set RELAYCLIENT, the last one takes it away, also from a client that a rule gave it to.
 */
import type { Cdb } from "../files/cdb.ts";
import type { ListEntry } from "../files/list-reader.ts";
import type { IpEntries } from "../mail/ip-entry.ts";
import { normalIp } from "../mail/network.ts";

/** Anything that is as it was at most a second ago. */
interface Current<T> {
  current(): T;
}

/** The three lists. */
export interface RelayFiles {
  readonly relay: Current<IpEntries<ListEntry>>;
  /** Its keys are addresses, and prefixes that end in a dot or a colon. */
  readonly more: Current<Cdb | undefined>;
  readonly noRelay: Current<IpEntries<ListEntry>>;
}

/** What they say of a client, and which file says so. */
export type RelayWord =
  | { readonly kind: "relay" | "no relay"; readonly by: "relayclients" | "morerelayclients" | "norelayclients" }
  | undefined;

/** The three relay files, ready for lookups. */
export class RelayLists {
  readonly #files: RelayFiles;

  constructor(files: RelayFiles) {
    this.#files = files;
  }

  find(address: string): RelayWord {
    const ip = normalIp(address);
    const { relay, more, noRelay } = this.#files;
    if (noRelay.current().find(ip) !== undefined) {
      return { kind: "no relay", by: "norelayclients" };
    }
    if (relay.current().find(ip) !== undefined) {
      return { kind: "relay", by: "relayclients" };
    }
    const map = more.current();
    return map !== undefined && keysOf(ip).some((key) => map.get(key) !== undefined)
      ? { kind: "relay", by: "morerelayclients" }
      : undefined;
  }

  /** The variables of a client as these lists leave them: the same ones, or changed copies. */
  apply<Variables extends ReadonlyMap<string, string>>(
    ip: string,
    variables: Variables,
  ): Variables | Map<string, string> {
    const word = this.find(ip);
    if (word === undefined || (word.kind === "relay") === variables.has("RELAYCLIENT")) {
      return variables;
    }
    const changed = new Map(variables);
    if (word.kind === "relay") {
      changed.set("RELAYCLIENT", "");
    } else {
      changed.delete("RELAYCLIENT");
    }
    return changed;
  }
}

/** The address and every prefix of whole numbers. */
function keysOf(ip: string): string[] {
  const mark = ip.includes(":") ? ":" : ".";
  const groups = ip.split(mark);
  return groups.map((_, i) => groups.slice(0, groups.length - i).join(mark) + (i === 0 ? "" : mark));
}
