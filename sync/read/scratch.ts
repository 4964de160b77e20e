/**
 * Where rows go while sources are read: in memory as long as there are few, then in a temporary file, so that memory stays
 * bounded however large the directory is. They are read once, in the order in which they came, when the list is built.
 */
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";

import type { Kind } from "../../src/snapshot/format.ts";
import type { Person } from "../source.ts";
import { countHoldings } from "./holdings.ts";
import type { Holdings } from "./holdings.ts";
import { createSenders, isOpenQuestion } from "./senders.ts";

/** One row on its way into the snapshot. */
export interface ScratchRow {
  readonly key: string;
  readonly kind: Kind;
  readonly entry: string;
  /** See src/snapshot/format.ts; not given: "" and 0. */
  readonly rule?: string;
  readonly gone?: number;
}

/** Rows of a source that differ in nothing but key and entry. */
export interface Group {
  readonly source: number;
  readonly kind: Kind;
  readonly rule: string;
  readonly gone: number;
  /** A JSON object from entries to keys; a name that comes twice is two rows. */
  readonly members: string;
}

/** The rows of a sync. */
export interface Scratch {
  /** Adds rows of a source. The same key may come twice. @throws what writing throws (disk full) */
  add(source: number, rows: readonly ScratchRow[]): void;
  /** Adds entries that rules of the same source may name. @throws what SQLite throws (disk full) */
  addPeople(source: number, people: readonly Person[]): void;
  /** Forgets what a source gave so far. */
  drop(source: number): void;
  /** Turns the DNs in rules into addresses. @returns rules that name what cannot be resolved: those rows are open */
  resolveRules(): number;
  holdings(): Holdings;
  /** All of them; rules are those of {@link resolveRules}. */
  groups(): Iterable<Group>;
  /** Nobody needs it any more. */
  close(): void;
}

/** Characters of rows that are kept in memory. */
const heldSize = 1 << 20;
/** Octets that are read at a time. */
const pieceSize = 1 << 20;

/** Holds nothing yet. @param pathFor where its files are made when there is something for them */
export function createScratch(pathFor: (purpose: "scratch" | "people") => string): Scratch {
  const senders = createSenders(pathFor("people"));
  const count = countHoldings();
  /** By source: how many groups had come when it was dropped. */
  const dropped = new Map<number, number>();
  let [held, size, total] = [new Array<Group>(), 0, 0];
  let file: number | undefined;
  const write = (): void => {
    // Exclusively: a link that somebody put there is not followed.
    file ??= openSync(pathFor("scratch"), "wx+", 0o600);
    writeFileSync(file, held.map(lineOf).join(""));
    [held, size] = [[], 0];
  };
  return {
    add(source, rows) {
      for (const { members, ...alike } of groupsOf(rows)) {
        const group = { source, ...alike, members: `{${members.join(",")}}` };
        held.push(group);
        size += group.members.length;
        total += 1;
        count.add(source, { ...alike, rows: members.length });
        if (isOpenQuestion(group.rule)) {
          senders.note(source, group.rule);
        }
      }
      if (size > heldSize) {
        write();
      }
    },
    addPeople: (source, people) => senders.addPeople(source, people),
    drop(source) {
      dropped.set(source, total);
      count.drop(source);
      senders.drop(source);
    },
    resolveRules: () => senders.resolve(),
    holdings: () => count.sum(),
    *groups() {
      let serial = 0;
      for (const group of inOrder(file, held)) {
        serial += 1;
        if (serial > (dropped.get(group.source) ?? 0)) {
          yield isOpenQuestion(group.rule) ? { ...group, rule: senders.ruleFor(group.source, group.rule) } : group;
        }
      }
    },
    close() {
      senders.close();
      if (file !== undefined) {
        closeSync(file);
        file = undefined;
      }
    },
  };
}

interface Alike extends Pick<Group, "kind" | "rule" | "gone"> {
  readonly members: string[];
}

function groupsOf(rows: readonly ScratchRow[]): Iterable<Alike> {
  const groups = new Map<string, Alike>();
  let group: Alike | undefined;
  for (const { key, kind, entry, rule = "", gone = 0 } of rows) {
    // Most rows are like the one before.
    if (group === undefined || group.kind !== kind || group.gone !== gone || group.rule !== rule) {
      const name = `${kind} ${gone} ${rule}`;
      group = groups.get(name) ?? { kind, rule, gone, members: [] };
      groups.set(name, group);
    }
    group.members.push(`${JSON.stringify(entry)}:${JSON.stringify(key)}`);
  }
  return groups.values();
}

/** A line for what is common to its rows and one for the rows: there is no line feed in JSON. */
function lineOf({ members, ...alike }: Group): string {
  return `${JSON.stringify(alike)}\n${members}\n`;
}

function* inOrder(file: number | undefined, held: readonly Group[]): Generator<Group> {
  if (file !== undefined) {
    const lines = linesOf(file);
    for (const head of lines) {
      const alike: Omit<Group, "members"> = JSON.parse(head);
      yield { ...alike, members: lines.next().value ?? "{}" };
    }
  }
  yield* held;
}

function* linesOf(file: number): Generator<string, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  const piece = Buffer.alloc(pieceSize);
  for (let at = 0; ;) {
    const count = readSync(file, piece, 0, pieceSize, at);
    if (count === 0) {
      return undefined;
    }
    at += count;
    const octets = Buffer.concat([rest, piece.subarray(0, count)]);
    const end = octets.lastIndexOf("\n") + 1;
    rest = octets.subarray(end);
    yield* octets
      .toString("utf8", 0, Math.max(0, end - 1))
      .split("\n")
      .slice(0, end === 0 ? 0 : undefined);
  }
}
