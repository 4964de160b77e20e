/** What the next hop's reply makes of a recipient that passed every check. */
import type { Recipient } from "../../hooks/check-session.ts";
import type { Session } from "../../hooks/session.ts";
import { normalKey } from "../../mail/address.ts";
import type { Delivery } from "../../mail/courier.ts";
import type { Reply } from "../../mail/reply.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";
import { logRecipient } from "./recipient-log.ts";
import type { Judged } from "./recipient.ts";

type Passed = Extract<Judged, { kind: "passed" }>;

/** Asks the next hop about a recipient that passed, and answers as it does. */
export async function askNextHop(
  service: Service,
  session: Session,
  delivery: Delivery,
  judged: Passed,
  rcpt: Recipient,
): Promise<Response> {
  const { transaction } = session;
  const answer = await delivery.recipient(judged.mailbox);
  // A client that went away meanwhile has taken its question back.
  const accepted = session.transaction === transaction && concludeRecipient(service, session, judged, answer);
  if (accepted) {
    transaction?.accepted.push(rcpt);
  }
  return say(accepted ? answers.recipientOk : answer);
}

/** Logs what the next hop said to a recipient that passed, and notes both for observe mode. @returns whether it is accepted */
function concludeRecipient(
  service: Service,
  session: Session,
  { mailbox, check, status, ours }: Passed,
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
