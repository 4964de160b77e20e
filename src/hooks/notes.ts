/**
 * Notes that a check takes: typed, its own, and gone with their owner. A check makes a note once, beside its
 * definition or in `create`, and reads and writes it by the session.
 */
import type { CheckSession, Recipient } from "./check-session.ts";

/** What of a session says who owns a note. */
export type NotedSession = Pick<CheckSession, "transaction"> & Partial<Pick<CheckSession, "rcpt">>;

/** What a note belongs to, and ends with. */
export type NoteOwner = "session" | "transaction" | "recipient";

/** One kind of note. */
export interface Note<Value> {
  /**
   * Undefined if none was taken, or where there is no owner now. @param recipient an accepted one; not given: the one
   * of this RCPT
   */
  get(session: NotedSession, recipient?: Recipient): Value | undefined;
  /** Takes the note; without an owner nothing happens. */
  set(session: NotedSession, value: Value): void;
}

/** A note that belongs to the session, the transaction or the recipient under question. */
export function noteOf<Value>(owner: NoteOwner): Note<Value> {
  const taken = new WeakMap<object, Value>();
  const ownerIn = (session: NotedSession, recipient?: Recipient): object | undefined => {
    switch (owner) {
      case "session":
        return session;
      case "transaction":
        return session.transaction;
      case "recipient":
        return recipient ?? session.rcpt;
    }
  };
  return {
    get: (session, recipient) => {
      const held = ownerIn(session, recipient);
      return held === undefined ? undefined : taken.get(held);
    },
    set: (session, value) => {
      const held = ownerIn(session);
      if (held !== undefined) {
        taken.set(held, value);
      }
    },
  };
}
