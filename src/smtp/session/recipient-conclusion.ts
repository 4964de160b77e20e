/** What the next hop's reply makes of a recipient that passed every check. */
import type { Session } from "../../hooks/session.ts";
import { normalKey } from "../../mail/address.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Service } from "../service.ts";
import { logRecipient } from "./recipient-log.ts";
import type { Judged } from "./recipient.ts";

/** Logs what the next hop said to a recipient that passed, and notes both for observe mode. @returns whether it is accepted */
export function concludeRecipient(
  service: Service,
  session: Session,
  { mailbox, check, status, ours }: Extract<Judged, { kind: "passed" }>,
  answer: Reply,
): boolean {
  const accepted = answer.code >= 200 && answer.code < 300;
  const said = answer.said ?? answer.code;
  const theirs = said === 0 ? `${answer.code} of our own` : `next hop said ${said}`;
  // Where our own verdict was another, the log has both beside each other.
  const words = accepted && (ours === undefined || ours === "known") ? status : `${status}, ${theirs}`;
  logRecipient(service, session, { mailbox, check, status: words }, answer);
  if (ours !== undefined && said !== 0) {
    const { user, domain } = mailbox;
    service.observer?.note(normalKey(user, service.domains.canonical(domain) ?? domain), ours, said);
  }
  return accepted;
}
