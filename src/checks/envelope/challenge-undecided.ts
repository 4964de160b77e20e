/**
 * Protected recipients whose unknown sender SPF says nothing of: they are accepted until the message is there, whose
 * signatures then decide. The reply to the final dot counts for all recipients, so such a one has a message of its own.
 */
import type { CheckSession, Recipient } from "../../hooks/check-session.ts";
import { noteOf } from "../../hooks/notes.ts";
import type { NotedSession } from "../../hooks/notes.ts";
import type { Mailbox } from "../../mail/address.ts";

const none: readonly Recipient[] = [];

/** Which recipient of a transaction waits for the message. */
export interface Undecided {
  /** The recipient under question waits; false: others are accepted already, so it cannot. */
  wait(session: CheckSession, recipient: Mailbox): boolean;
  /** Whether an accepted recipient waits. */
  isWaiting(session: NotedSession): boolean;
  /** The accepted recipient that waits, as the client named it. */
  recipient(session: NotedSession): Mailbox | undefined;
}

export function createUndecided(): Undecided {
  const named = noteOf<Mailbox>("recipient");
  /** In nearly no transaction does anybody wait: then its recipients need not be looked at. */
  const hasAny = noteOf<true>("transaction");
  const find = (session: NotedSession): Mailbox | undefined =>
    hasAny.get(session) === undefined
      ? undefined
      : (session.transaction?.accepted ?? none)
          .map((recipient) => named.get(session, recipient))
          .find((mailbox) => mailbox !== undefined);
  return {
    wait(session, recipient) {
      if ((session.transaction?.accepted ?? none).length > 0) {
        return false;
      }
      named.set(session, recipient);
      hasAny.set(session, true);
      return true;
    },
    isWaiting: (session) => find(session) !== undefined,
    recipient: find,
  };
}
