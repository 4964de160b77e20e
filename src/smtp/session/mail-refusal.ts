/**
 * What speaks against a MAIL: early talk, its size, the login's senders, a reply that a plugin queued, and then the
 * checks.
 */
import type { Session } from "../../hooks/session.ts";
import type { Mailbox } from "../../mail/address.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";
import type { MailCommand } from "./command.ts";
import { refuseEarlyTalker } from "./early-talk.ts";
import { after, responseOf } from "./outcome.ts";
import { queuedResponse } from "./waiting-reply.ts";

interface Party {
  readonly session: Session;
  readonly service: Service;
  readonly authenticated: boolean;
}

/** Asks the checks about the transaction that has just begun; a refusal ends it. Undefined: nobody refuses. */
export function askAtMail(
  { pipeline }: Service,
  session: Session,
): Response | undefined | Promise<Response | undefined> {
  const refused = (response: Response | undefined): Response | undefined => {
    if (response !== undefined) {
      session.reset(false);
    }
    return response;
  };
  session.changing = "mail";
  return after(pipeline.run("mail", session, "policy"), (outcome) => {
    session.changing = undefined;
    const refusal = refused(responseOf(outcome));
    if (refusal !== undefined) {
      return refusal;
    }
    // The final sender is looked at last, and not at all if a check said `ok`; most refuse it at RCPT.
    const sender = outcome.verdict.kind === "ok" ? outcome : pipeline.run("mail", session, "sender");
    return after(sender, (judged) => {
      const bad = refused(responseOf(judged));
      return bad ?? after(pipeline.run("mail", session, "last"), (last) => refused(responseOf(last)));
    });
  });
}

/** Largest message; 0 is not a limit. */
export function messageSizeOf({ limits }: Service, { variables }: Session): number {
  const bytes = variables.get("DATABYTES") ?? "";
  return /^\d{1,15}$/.test(bytes) ? Number(bytes) : limits.messageSize;
}

/** Before the checks. Undefined: nothing does. @param messageSize 0 is not a limit */
export function refuseMail(party: Party, { size, sender }: MailCommand, messageSize: number): Response | undefined {
  const early = refuseEarlyTalker(party.service, party.session);
  if (early !== undefined) {
    return early;
  }
  if (messageSize > 0 && size > messageSize) {
    return say(answers.tooLarge);
  }
  if (!mayUseSender(party, sender)) {
    return answers.notYourAddress;
  }
  return queuedResponse(party.session.late.mail);
}

/** `[auth] sender`, RFC 6409 6.1. @param sender undefined is the null sender, which is everybody's: receipts have it */
function mayUseSender({ session, service, authenticated }: Party, sender: Mailbox | undefined): boolean {
  const user = session.variables.get("SMTPAUTHUSER") ?? "";
  if (!authenticated || sender === undefined || service.mayUse === undefined || service.mayUse(user, sender)) {
    return true;
  }
  const facts = { session: session.id, ip: session.client.ip, user, sender: sender.raw };
  service.log.warning("auth", "sender refused, it is not the login's own", facts);
  return false;
}
