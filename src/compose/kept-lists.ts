/**
 * The lists that are kept, opened to be asked for recipients: each is verified once, by its seal, however many recipients
 * it is asked for. What was sealed had its pages and rows checked before, by the sync that made it.
 */
import { filesOf, unreadOf } from "../../sync/remember/history.ts";
import type { KeptList, Unread } from "../../sync/remember/history.ts";
import type { Settings } from "../config/sections.ts";
import { imageOf } from "../snapshot/image.ts";
import { inspectMark, inspectSigner, readMeta } from "../snapshot/inspect.ts";
import type { Flawed } from "../snapshot/inspect.ts";
import { olderThan } from "../snapshot/newest.ts";
import type { Asked } from "../snapshot/recipients.ts";
import { openSealed } from "../snapshot/sealed.ts";
import type { SealedFile, Verified } from "../snapshot/sealed.ts";
import type { Trust } from "../snapshot/trust.ts";
import { errorMessage } from "../report/error-message.ts";
import { newestKnown } from "./trust.ts";

/** A list that is looked into. Times are ms since 1970. */
export type LookedList = Pick<KeptList, "name" | "path" | "created" | "since"> & Partial<Pick<KeptList, "held">>;

/** One that is open. */
export interface OpenList {
  readonly list: LookedList;
  readonly asked: Asked;
  /** Whether the file is still what was verified: only then an answer counts. */
  readonly isSame: () => boolean;
}

/** Those of a snapshot, newest first. */
export interface KeptLists extends Disposable {
  readonly lists: readonly OpenList[];
  /** Those that are torn, and those that this user may not read. */
  readonly damaged: readonly Unread[];
}

/**
 * Opens all that are there.
 * @param verified those that this process has hashed before; then those that are there now
 */
export function openLists({ snapshot }: Pick<Settings, "snapshot">, trust: Trust, verified?: Verified): KeptLists {
  using stack = new DisposableStack();
  const lists: OpenList[] = [];
  const damaged: Unread[] = [];
  const there = new Set<string>();
  for (const { name, file: path } of filesOf(snapshot.path)) {
    const opened = openSealed(path, { wantsSigned: trust.publicKeys.length > 0, verified });
    there.add("why" in opened ? "" : opened.id);
    const served = name === "current" ? snapshot : undefined;
    const list = "why" in opened ? opened.detail : listOf(stack.use(opened), { name, path }, trust, served);
    if (typeof list === "string") {
      damaged.push(unreadOf(name, path, list));
    } else {
      lists.push(list);
    }
  }
  verified?.forEach((id) => there.has(id) || verified.delete(id));
  const held = stack.move();
  return { lists, damaged, [Symbol.dispose]: () => held.dispose() };
}

/** @param served where it is the one that serves @returns why nothing in it is believed, not even its times */
function listOf(
  file: SealedFile,
  { name, path }: Pick<LookedList, "name" | "path">,
  trust: Trust,
  served: Settings["snapshot"] | undefined,
): OpenList | string {
  const { database, isSame } = file;
  try {
    const flaw = inspect(file, trust, served);
    const { created, since, held } = readMeta(database);
    const asked: Asked = flaw === undefined ? openedAs(database, trust) : closedFor(flaw);
    return { list: { name, path, created, since, held }, asked, isSame };
  } catch (error) {
    return errorMessage(error);
  }
}

/** What beside its bytes is wrong with it. Only the one that serves can be a replay: a kept one is older by its nature. */
function inspect(
  { database, head, signed }: SealedFile,
  trust: Trust,
  served: Settings["snapshot"] | undefined,
): Flawed | undefined {
  const { rows, created } = readMeta(database);
  if (rows === 0) {
    return { why: "empty", detail: "no recipients" };
  }
  const older =
    served === undefined || trust.publicKeys.length === 0 ? undefined : olderThan(created, newestKnown(served));
  return (
    inspectSigner(head, signed, trust) ??
    inspectMark(database, trust) ??
    (older === undefined ? undefined : { why: "older", detail: older })
  );
}

/** What is asked of a list that is open. @throws what SQLite throws */
export function openedAs(database: SealedFile["database"], trust: Trust): Asked {
  const image = imageOf(database, trust);
  const { created, since, rows, sources } = image;
  return { image, state: { kind: "open", created, since, rows, sources }, fail: () => undefined };
}

function closedFor({ why, detail }: Flawed): Asked {
  return { image: undefined, state: { kind: "unavailable", why, detail }, fail: () => undefined };
}
