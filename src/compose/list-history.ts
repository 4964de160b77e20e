/** The lists that are kept, with what changed from one to the next: for `goodmailto history` and the status page. */
import { compareSnapshots } from "../../sync/list/changes.ts";
import type { History, KeptList } from "../../sync/remember/history.ts";

/** One list as `--json` prints it. Times are ISO 8601. */
export interface HistoryEntry {
  readonly name: string;
  readonly path: string;
  readonly created: string;
  /** When it began to serve. */
  readonly since: string;
  readonly held: string | null;
  readonly addresses: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly sources: readonly { readonly name: string; readonly addresses: number; readonly read: string }[];
  /** Against the previous list; null if none is kept, or it is under another key. */
  readonly added: number | null;
  readonly removed: number | null;
}

/** What changed from one list to the next; null: not known. */
type Compare = (newer: KeptList, older: KeptList) => Pick<HistoryEntry, "added" | "removed">;

const compareFiles: Compare = (newer, older) => compareSnapshots(newer.path, older.path);

/** What is kept, newest first. @param compare two lists with the same key */
export function describeHistory({ lists }: Pick<History, "lists">, compare: Compare = compareFiles): HistoryEntry[] {
  return lists.map((list, index) => {
    const before = lists[index + 1];
    const isComparable = before !== undefined && before.mark === list.mark;
    const changes = isComparable ? compare(list, before) : { added: null, removed: null };
    return { ...describeList(list), added: changes.added, removed: changes.removed };
  });
}

function describeList(list: KeptList): Omit<HistoryEntry, "added" | "removed"> {
  const { name, path, created, since, held, addresses, kinds, sources } = list;
  return {
    name,
    path,
    created: new Date(created).toISOString(),
    since: new Date(since).toISOString(),
    held: held ?? null,
    addresses,
    kinds,
    sources: sources.map((source) => ({
      name: source.name,
      addresses: source.addresses,
      read: new Date(source.readAt).toISOString(),
    })),
  };
}
