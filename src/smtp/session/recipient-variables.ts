/** The recipient under question as variables. They are qmail-spp's: docs/plugins.md. */
import type { Session } from "../../hooks/session.ts";
import type { Transaction } from "../../hooks/transaction.ts";
import { variableForm } from "../../hooks/variable-form.ts";
import type { Mailbox } from "../../mail/address.ts";
import { isOurs } from "../relayable.ts";
import type { Service } from "../service.ts";

/** Counts a recipient that a client names, and has its variables made should somebody read them: as they are now. */
export function noteRecipient(
  service: Pick<Service, "domains">,
  session: Session,
  transaction: Transaction,
  mailbox: Mailbox,
): void {
  const asked = ++transaction.asked;
  const accepted = transaction.accepted.length;
  session.lateVariables.fillLater((variables) => {
    variables.set("SMTPRCPTTO", variableForm(mailbox));
    variables.set("SMTPRCPTCOUNT", String(accepted));
    variables.set("SMTPRCPTCOUNTALL", String(asked));
    variables.set("SMTPRCPTHOSTSOK", variables.has("RELAYCLIENT") || isOurs(service, mailbox) ? "1" : "0");
  });
}
