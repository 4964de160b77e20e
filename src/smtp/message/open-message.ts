/** From DATA to 354: what the checks of this transaction need of its message, and who says 354. */
import { stronger } from "../../hooks/message.ts";
import type { Need } from "../../hooks/message.ts";
import type { Session } from "../../hooks/session.ts";
import type { Delivery } from "../../mail/courier.ts";
import { HeldMessage } from "../../message/held.ts";
import type { Mailbox } from "../../mail/address.ts";
import { relayFault } from "../relayable.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";
import { MessageIntake } from "./message-intake.ts";
import type { IntakeOptions } from "./message-intake.ts";

/** What a data command comes to: a response, or a message that may now be taken in. */
export type DataAnswer = Response | { readonly intake: MessageIntake };

/**
 * Prepares a message before the client gets 354. A message that is held gets the relay's own 354: the next hop gets DATA after
 * the verdict.
 */
export async function openMessage(
  service: Service,
  session: Session,
  delivery: Delivery,
  given: Omit<IntakeOptions, "need" | "demanding" | "held" | "normalise">,
): Promise<DataAnswer> {
  const { transaction } = session;
  const redirected = transaction?.redirection?.mailboxes;
  const fault = faultOf(service, session, redirected ?? []);
  if (fault !== undefined) {
    service.log.error("message", "a check sends it elsewhere", { session: session.id, fault });
    return say(answers.relayingDenied);
  }
  const options = {
    ...given,
    recipients: redirected ?? given.recipients,
    normalise: service.normaliseNewlines || session.has("RELAYCLIENT"),
  };
  const demanding = service.pipeline.demanding(session);
  const need = demanding.reduce<Need>((so, step) => stronger(so, step.need), "header");
  if (need === "whole") {
    const held = hold(service, session);
    return held === undefined
      ? say(answers.spoolFull)
      : { intake: new MessageIntake(service, session, delivery, { ...options, need, demanding, held }) };
  }
  // A held message is planned when it has been judged.
  const refusal =
    transaction?.replan === true || redirected !== undefined
      ? await delivery.plan(transaction?.sender, options.recipients)
      : undefined;
  if (refusal !== undefined) {
    return say(refusal);
  }
  const go = await delivery.data();
  return go.code === 354
    ? { intake: new MessageIntake(service, session, delivery, { ...options, need, demanding }) }
    : say(go);
}

/** Undefined: there is no room. */
function hold({ spools, log }: Service, session: Session): HeldMessage | undefined {
  const spool = spools.open();
  if (spool === undefined) {
    log.warning("message", "no room to spool another message", { session: session.id, held: spools.taken });
    return undefined;
  }
  return new HeldMessage(spools, spool);
}

/** Why the client may not send to one of these; undefined: it may. */
function faultOf(service: Service, session: Session, mailboxes: readonly Mailbox[]): string | undefined {
  for (const mailbox of mailboxes) {
    const fault = relayFault(service, session, mailbox);
    if (fault !== undefined) {
      return `${fault}: <${mailbox.raw}>`;
    }
  }
  return undefined;
}
