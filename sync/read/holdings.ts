/** What the scratch file holds, counted while it is filled: a list of the same rows needs no pass to be counted. */
import { refused, wildcardKinds } from "../../src/snapshot/format.ts";
import type { Kind } from "../../src/snapshot/format.ts";

/** Counts of rows. */
export interface Holdings {
  /** All of them, vanished ones too; a key may be in several. */
  readonly rows: number;
  /** Those of each source that are there, by number of the source and by kind. */
  readonly there: ReadonlyMap<number, ReadonlyMap<Kind, number>>;
  /** Whether one stands for many addresses, or refuses its key. */
  readonly hasWildcards: boolean;
}

/** Rows of a source that are alike in all of this. */
export interface Alike {
  readonly kind: Kind;
  readonly rule: string;
  readonly gone: number;
  readonly rows: number;
}

/** Counts of one source. */
interface OfSource {
  rows: number;
  readonly there: Map<Kind, number>;
  hasWildcards: boolean;
}

/** Counts as rows come and go. */
export interface HoldingsCount {
  add(source: number, rows: Alike): void;
  /** All of a source went. */
  drop(source: number): void;
  sum(): Holdings;
}

/** None yet. */
export function countHoldings(): HoldingsCount {
  const sources = new Map<number, OfSource>();
  return {
    add(source, { kind, rule, gone, rows }) {
      const one = sources.get(source) ?? emptySource();
      sources.set(source, one);
      one.rows += rows;
      one.hasWildcards ||= wildcardKinds.includes(kind) || rule === refused.rule;
      if (gone === 0) {
        one.there.set(kind, (one.there.get(kind) ?? 0) + rows);
      }
    },
    drop: (source) => void sources.delete(source),
    sum: () => ({
      rows: sources.values().reduce((sum, { rows }) => sum + rows, 0),
      there: new Map([...sources].map(([source, { there }]) => [source, there])),
      hasWildcards: sources.values().some(({ hasWildcards }) => hasWildcards),
    }),
  };
}

function emptySource(): OfSource {
  return { rows: 0, there: new Map(), hasWildcards: false };
}
