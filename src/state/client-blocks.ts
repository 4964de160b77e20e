/**
 * Clients that are blocked for a while, by address or block: rows of the state, written by the relay's workers and by
 * `goodmailto blacklist`. A worker goes by a copy that it compares with the state twice a second at most, and only when
 * a client is asked about. Times in ms.
 */
import { isIP } from "node:net";

import { Blocks, formatNetwork } from "../mail/blocks.ts";
import type { Network } from "../mail/blocks.ts";
import { clientNetwork } from "../mail/client-network.ts";
import { parseIpEntry } from "../mail/ip-entry.ts";
import { BoundedMap } from "./bounded-map.ts";
import { after } from "./store.ts";
import type { Later } from "./store.ts";
import type { Done, Got, Rows, Table } from "./table.ts";

/** One blocked client. */
export interface ClientBlock {
  /** Since 1970. */
  readonly from: number;
  /** Since 1970. */
  readonly until: number;
  /** "" if nobody said. For the log and the administrator. */
  readonly why: string;
  readonly by: "relay" | "command";
}

/** A block and the network that it is about. */
export type FoundBlock = ClientBlock & { readonly network: string };

/** Beyond it the one written longest ago is forgotten; every worker has a copy of all. */
export const mostBlocks = 10_000;
/** The longest life of a block. */
export const longestBlock = 366 * 86_400_000;
const lookEvery = 500;
/** Read again although no change was counted: a count that was lost must not hide a block for long. */
const readEvery = 60_000;
const changesKey = "changes";
/** A block of more addresses is a slip. */
const leastBits = { 4: 8, 6: 16 } as const;

/** What makes tables. */
interface TableMaker {
  table<Row>(name: string, bounds: { readonly ttl: number; readonly most: number }): Table<Row>;
}

/** The network that a text stands for, one IPv6 address for its /64; or why it cannot be blocked. */
export function readNetwork(text: string): Network | string {
  const entry = parseIpEntry(isIP(text) === 0 ? text : clientNetwork(text));
  if (entry?.kind !== "network") {
    return "is neither an IP address nor a block such as 192.0.2.0/24";
  }
  if (entry.warning !== undefined) {
    return `is not a block: ${entry.warning}`;
  }
  const { family, bits } = entry.network;
  return bits < leastBits[family] ? `is too large a block: at least /${leastBits[family]}` : entry.network;
}

/** One for each state of this process: listeners, instances of the check and commands know the same clients. */
const blocksOf = new WeakMap<TableMaker, ClientBlocks>();

/** The blocked clients of a state. @param now ms since 1970 */
export function blocksIn(state: TableMaker, now: () => number): ClientBlocks {
  const blocks = blocksOf.get(state) ?? new ClientBlocks(state, now);
  blocksOf.set(state, blocks);
  return blocks;
}

/** The blocked clients. */
export class ClientBlocks {
  readonly #rows: Table<ClientBlock>;
  /** How often the rows were changed, whoever did it. */
  readonly #changes: Table<number>;
  readonly #now: () => number;
  /** Blocks that the state would not take. */
  readonly #unsaved = new BoundedMap<string, ClientBlock>(mostBlocks);
  /** One that is forgotten may still be ordered; then it is found to be none. */
  #known = new BoundedMap<string, ClientBlock>(mostBlocks);
  #networks = new Blocks<string>();
  #looking: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #readAt = Number.NEGATIVE_INFINITY;
  #change = -1;

  /** @param now ms since 1970 */
  constructor(state: TableMaker, now: () => number) {
    this.#rows = state.table("client blocks", { ttl: longestBlock, most: mostBlocks });
    this.#changes = state.table("client blocks changed", { ttl: longestBlock, most: 10 });
    this.#now = now;
  }

  /** The narrowest block around a client that is not over. Waits no longer than the state's own deadline. */
  find(ip: string): Later<FoundBlock | undefined> {
    return after(this.#look(), () => this.#match(ip));
  }

  /**
   * Blocks a network, or blocks it again. In this process it counts at once, and even where the state is unavailable.
   */
  add(network: Network, block: ClientBlock): Later<Done> {
    const key = formatNetwork(network);
    this.#known.set(key, block);
    this.#networks.add(network, key);
    const time = block.until - this.#now();
    return after(this.#rows.put(key, block, time), (done) => {
      if (done.kind === "unavailable") {
        this.#unsaved.set(key, block);
        return done;
      }
      return this.#changed();
    });
  }

  /** Every block that is not over, those that the state would not take included. Never rejects. */
  async held(): Promise<readonly FoundBlock[]> {
    const found = await this.all();
    const rows = new Map(found.kind === "rows" ? [...found.rows, ...this.#unsaved] : this.#known);
    return [...rows].flatMap(([network, block]) => (block.until > this.#now() ? [{ ...block, network }] : []));
  }

  /** Ends a block; "absent" if there is none. */
  remove(network: Network): Later<Done | { readonly kind: "absent" }> {
    const key = formatNetwork(network);
    const wasUnsaved = this.#unsaved.delete(key);
    if (this.#known.delete(key)) {
      this.#order();
    }
    return after<Got<ClientBlock>, Done | { readonly kind: "absent" }>(this.#rows.get(key), (got) => {
      if (got.kind === "found") {
        return after(this.#rows.delete(key), (done) => (done.kind === "done" ? this.#changed() : done));
      }
      return wasUnsaved ? { kind: "done" } : got;
    });
  }

  /** Every block by its network, in no order. */
  all(): Later<Rows<ClientBlock>> {
    return this.#rows.scan("", mostBlocks);
  }

  #changed(): Later<Done> {
    return after(this.#changes.add(changesKey), (counted): Done =>
      counted.kind === "counted" ? { kind: "done" } : counted,
    );
  }

  #match(ip: string): FoundBlock | undefined {
    for (;;) {
      const network = this.#networks.find(ip, -1);
      const block = network === undefined ? undefined : this.#known.get(network);
      if (network === undefined || (block !== undefined && block.until > this.#now())) {
        return block === undefined || network === undefined ? undefined : { ...block, network };
      }
      // It is over, and a wider one around it may not be.
      this.#known.delete(network);
      this.#order();
    }
  }

  #look(): Later<void> {
    const now = this.#now();
    if (this.#looking !== undefined || (now >= this.#lookedAt && now - this.#lookedAt < lookEvery)) {
      return this.#looking;
    }
    this.#lookedAt = now;
    const looking = after(this.#changes.get(changesKey), (got) => this.#compare(got, now));
    if (looking instanceof Promise) {
      this.#looking = looking.finally(() => (this.#looking = undefined));
    }
    return this.#looking;
  }

  #compare(got: Got<number>, now: number): Later<void> {
    if (got.kind === "unavailable") {
      return undefined;
    }
    const change = got.kind === "found" ? got.row : 0;
    const isFresh = now >= this.#readAt && now - this.#readAt < readEvery;
    if (change === this.#change && isFresh) {
      return undefined;
    }
    return after(this.all(), (found) => {
      if (found.kind === "rows") {
        this.#change = change;
        this.#readAt = now;
        this.#known = new BoundedMap(mostBlocks);
        for (const [key, block] of [...found.rows, ...this.#unsaved]) {
          this.#known.set(key, block);
        }
        this.#order();
      }
    });
  }

  #order(): void {
    this.#networks = new Blocks();
    const now = this.#now();
    for (const [key, { until }] of this.#known) {
      const network = until > now ? readNetwork(key) : "";
      if (typeof network === "string") {
        this.#known.delete(key);
        this.#unsaved.delete(key);
      } else {
        this.#networks.add(network, key);
      }
    }
  }
}
