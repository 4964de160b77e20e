/**
 * A message to a mailing list has no other recipient: its header fields, or its verdict, are the list's. A recipient
 * that comes too many is deferred, and must come in a transaction of its own.
 */
import type { CheckSession, Recipient } from "../../hooks/check-session.ts";
import type { Note } from "../../hooks/notes.ts";
import { refuse } from "../../hooks/verdict.ts";
import type { Refusal } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const apart = refuse("apart", reply(452, "4.5.3", "Mailing list and other recipients need messages of their own"));

const none: readonly Recipient[] = [];

/** Undefined: the recipient may join those that are accepted. @param list what this recipient is; undefined: no list */
export function refuseMixed<T>(
  session: CheckSession,
  note: Note<T>,
  list: T | undefined,
): Refusal<"apart", never> | undefined {
  const accepted = session.transaction?.accepted ?? none;
  return accepted.every((recipient) => note.get(session, recipient) === list) ? undefined : apart;
}
