/** The span of a transaction, from MAIL to its end, under which those of its recipients, checks and next hops are. */
import type { Conclusion } from "../../hooks/check.ts";
import type { Session } from "../../hooks/session.ts";
import type { Service } from "../service.ts";

/** Notes it where traces are wanted. */
export function noteMessageSpan({ counters }: Service, session: Session, conclusion: Conclusion): void {
  const { transaction } = session;
  if (counters.tracer === undefined || transaction === undefined) {
    return;
  }
  const { ref, sender, asked, accepted, began } = transaction;
  counters.tracer.note({
    kind: "message",
    name: "message",
    session: session.id,
    ref,
    ms: performance.now() - began,
    facts: { conclusion, "recipients.asked": asked, "recipients.accepted": accepted.length },
    addresses: { sender: sender?.raw ?? "" },
  });
}
