/**
 * A message to a mailing list has no other recipient: its header fields, or its verdict, are the list's. A recipient
 * that comes too many is deferred, and must come in a transaction of its own.
 */
import type { CheckSession, Recipient } from "../../hooks/check-session.ts";
import { noteOf } from "../../hooks/notes.ts";
import type { NotedSession } from "../../hooks/notes.ts";
import { refuse } from "../../hooks/verdict.ts";
import type { Refusal } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const apart = refuse("apart", reply(452, "4.5.3", "Mailing list and other recipients need messages of their own"));

const none: readonly Recipient[] = [];

/** Which recipients of a transaction are mailing lists, of one check. */
export interface OneList<T> {
  /** Undefined: the recipient may join those that are accepted. @param list what it is; undefined: no list */
  refuseMixed(session: CheckSession, list: T | undefined): Refusal<"apart", never> | undefined;
  /** The recipient under question is this list. */
  choose(session: CheckSession, list: T): void;
  /** The list that an accepted recipient is. */
  get(session: NotedSession, recipient: Recipient): T | undefined;
}

/** Notes the lists of one check. */
export function createOneList<T>(): OneList<T> {
  const chosen = noteOf<T>("recipient");
  /** Nearly no message is for a list: then its recipients need not be compared. */
  const hasAny = noteOf<true>("transaction");
  return {
    refuseMixed(session, list) {
      if (list === undefined && hasAny.get(session) === undefined) {
        return undefined;
      }
      const accepted = session.transaction?.accepted ?? none;
      return accepted.every((recipient) => chosen.get(session, recipient) === list) ? undefined : apart;
    },
    choose(session, list) {
      chosen.set(session, list);
      hasAny.set(session, true);
    },
    get: (session, recipient) => chosen.get(session, recipient),
  };
}
