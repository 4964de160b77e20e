/**
 * The end of a transaction, for the checks, and for traces: its span is that from MAIL to here, under which those of its
 * recipients, checks and next hops are.
 */
import type { Conclusion } from "../../hooks/check.ts";
import type { Session } from "../../hooks/session.ts";
import type { Service } from "../service.ts";

/** Tells of it, if there is one. */
export function concludeTransaction({ counters, pipeline }: Service, session: Session, conclusion: Conclusion): void {
  const { transaction } = session;
  if (transaction === undefined) {
    return;
  }
  const { ref, sender, asked, accepted, began } = transaction;
  counters.tracer?.note({
    kind: "message",
    name: "message",
    session: session.id,
    ref,
    ms: performance.now() - began,
    facts: { conclusion, "recipients.asked": asked, "recipients.accepted": accepted.length },
    addresses: { sender: sender?.raw ?? "" },
  });
  pipeline.concluded(session, conclusion);
}
