/** Every kind of block that a relay holds: who is blocked, why and until when; and the end of one. */
import type { Settings } from "../config/sections.ts";
import { formatNetwork } from "../mail/blocks.ts";
import { clientNetwork } from "../mail/client-network.ts";
import { blocksIn, readNetwork } from "../state/client-blocks.ts";
import type { Lasting } from "./lasting.ts";

/**
 * What has blocked a client. `harvest`: it asked for many unknown recipients; `logins`: wrong passwords; `connections`:
 * too many of them; `blacklist`: the check, or a command.
 */
export const blockKinds = ["harvest", "logins", "connections", "blacklist"] as const;
export type BlockKind = (typeof blockKinds)[number];

/** One block. */
export interface Block {
  /** An address, or a block of them such as "2001:db8:1:2::/64". */
  readonly network: string;
  readonly kind: BlockKind;
  /** For the administrator. */
  readonly why: string;
  /** Seconds that are left. */
  readonly seconds: number;
}

/** One kind of block, as one process sees it and all who share its state. */
interface Holder {
  held(lasting: Lasting, settings: Settings): Promise<readonly Omit<Block, "kind">[]>;
  /** @returns whether there was one */
  end(lasting: Lasting, network: string, settings: Settings): Promise<boolean>;
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

const holders: Readonly<Record<BlockKind, Holder>> = {
  harvest: {
    held: async ({ ledger }) =>
      [...(await ledger.everywhere())].map(([network, left]) => ({
        network,
        why: "asked for many unknown recipients",
        seconds: seconds(left),
      })),
    end: async ({ ledger }, network) => ledger.unblock(network),
  },
  logins: {
    held: async ({ guard }, { auth }) =>
      [...(await guard.blocked({ max: auth.max_failures }))].map(([network, { count, left }]) => ({
        network,
        why: `${count} wrong passwords`,
        seconds: seconds(left),
      })),
    end: async ({ guard }, network, { auth }) => {
      const wasBlocked = (await guard.blocked({ max: auth.max_failures })).has(network);
      await guard.forgive(network);
      return wasBlocked;
    },
  },
  connections: {
    held: async ({ connections }, { limits: { connection_rate: rate } }) =>
      [...(await connections.all())].flatMap(([network, { count, left }]) =>
        rate !== undefined && count > rate.count
          ? [{ network, why: `${count} connections`, seconds: seconds(left) }]
          : [],
      ),
    end: async ({ connections }, network, { limits: { connection_rate: rate } }) => {
      const count = await connections.get(network);
      await connections.forget(network);
      return rate !== undefined && count > rate.count;
    },
  },
  blacklist: {
    held: async ({ state }, settings) =>
      runsBlacklist(settings)
        ? (await blocksIn(state, Date.now).held()).map(({ network, why, by, until }) => ({
            network,
            why: [by === "command" ? "by command" : "refused too often", ...(why === "" ? [] : [why])].join(": "),
            seconds: seconds(until - Date.now()),
          }))
        : [],
    end: async ({ state }, network) => {
      const read = readNetwork(network);
      return typeof read !== "string" && (await blocksIn(state, Date.now).remove(read)).kind === "done";
    },
  },
};

function runsBlacklist({ checks, listener }: Settings): boolean {
  return [checks.run, ...listener.map((each) => each.checks ?? [])]
    .flat()
    .some((label) => /^blacklist(:|$)/.test(label));
}

/** The block kind of a word; undefined: it is none. */
export function blockKindOf(word: unknown): BlockKind | undefined {
  return blockKinds.find((kind) => kind === word);
}

/** A network as blocks name it, one address of IPv6 as its /64; or why it is none. */
export function blockedNetwork(text: string): string | { readonly fault: string } {
  const network = readNetwork(text);
  if (typeof network === "string") {
    return { fault: network };
  }
  const name = formatNetwork(network);
  // The spelling of limits: "2001:db8:0:0::/64".
  return network.family === 6 && network.bits === 64 ? clientNetwork(name.slice(0, -"/64".length)) : name;
}

/** Of each kind that are named: an answer of a relay holds so many. */
const mostNamed = 30_000;

/** Who is blocked, of each kind the longest blocks first. */
export async function blocksHeld(lasting: Lasting, settings: Settings): Promise<Block[]> {
  const all = await Promise.all(
    blockKinds.map(async (kind) => {
      const held = await holders[kind].held(lasting, settings);
      return held
        .toSorted((a, b) => b.seconds - a.seconds)
        .slice(0, mostNamed)
        .map((one) => ({ ...one, kind }));
    }),
  );
  return all.flat();
}

/** Ends the block of a network, of one kind or of each. @returns the kinds that there were */
export async function endBlocks(
  lasting: Lasting,
  settings: Settings,
  network: string,
  only: BlockKind | undefined,
): Promise<BlockKind[]> {
  const ended: BlockKind[] = [];
  for (const kind of only === undefined ? blockKinds : [only]) {
    if (await holders[kind].end(lasting, network, settings)) {
      ended.push(kind);
    }
  }
  return ended;
}
