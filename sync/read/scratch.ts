/**
 * Where rows go while sources are read: in memory as long as there are few, then in a temporary file, so that memory stays
 * bounded however large the directory is. They are read once, in the order in which they came, when the list is built.
 */
import type { Kind } from "../../src/snapshot/format.ts";
import type { Person } from "../source.ts";
import { GroupFile } from "./group-file.ts";
import type { Follower } from "./group-file.ts";
import type { Group } from "./groups.ts";
import { countHoldings } from "./holdings.ts";
import type { Holdings } from "./holdings.ts";
import { createSenders, isOpenQuestion } from "./senders.ts";
import type { Senders } from "./senders.ts";

/** One row on its way into the snapshot. */
export interface ScratchRow {
  readonly key: string;
  readonly kind: Kind;
  readonly entry: string;
  /** See src/snapshot/format.ts; not given: "" and 0. */
  readonly rule?: string;
  readonly gone?: number;
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
  /** Nothing more will come: its follower gets all. @throws as above */
  finish(): void;
  holdings(): Holdings;
  /** All of them; rules are those of {@link resolveRules}. */
  groups(): Iterable<Group>;
  /** Nobody needs it any more. */
  close(): void;
}

/**
 * Holds nothing yet.
 * @param pathFor where its files are made when there is something for them
 * @param follower of the file with the rows
 */
export function createScratch(pathFor: (purpose: "scratch" | "people") => string, follower?: Follower): Scratch {
  const file = new GroupFile(pathFor("scratch"), follower);
  const senders = createSenders(pathFor("people"));
  const count = countHoldings();
  /** By source: how many groups had come when it was dropped. */
  const dropped = new Map<number, number>();
  let groups = 0;
  return {
    add(source, rows) {
      for (const { members, ...alike } of groupsOf(rows)) {
        groups += 1;
        count.add(source, { ...alike, rows: members.length });
        if (isOpenQuestion(alike.rule)) {
          senders.note(source, alike.rule);
          follower?.giveUp();
        }
        file.add({ source, ...alike, members: `{${members.join(",")}}` });
      }
    },
    addPeople: (source, people) => senders.addPeople(source, people),
    drop(source) {
      dropped.set(source, groups);
      count.drop(source);
      senders.drop(source);
      follower?.giveUp();
    },
    resolveRules: () => senders.resolve(),
    finish: () => file.finish(),
    holdings: () => count.sum(),
    groups: () => kept(file, dropped, senders),
    close() {
      senders.close();
      file.close();
    },
  };
}

/** Those of sources that were not dropped after they came, with rules that are answered. */
function* kept(file: GroupFile, dropped: ReadonlyMap<number, number>, senders: Senders): Generator<Group> {
  let serial = 0;
  for (const group of file.read()) {
    serial += 1;
    if (serial > (dropped.get(group.source) ?? 0)) {
      yield isOpenQuestion(group.rule) ? { ...group, rule: senders.ruleFor(group.source, group.rule) } : group;
    }
  }
}

interface Alike extends Pick<Group, "kind" | "rule" | "gone"> {
  /** Of a JSON object from entries to keys. */
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
