/** The one log line of a recipient, in the shape of the plugin goodmailto's. */
import type { Session } from "../../hooks/session.ts";
import { foldUser } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Reply } from "../../mail/reply.ts";
import { labelsBy } from "../../report/counters.ts";
import type { Service } from "../service.ts";

/** What of a service the line needs. */
export type RecipientLogging = Pick<Service, "log" | "counters">;

/** What the line says. */
export interface RecipientFacts {
  readonly mailbox: Mailbox;
  readonly check: string;
  readonly status: string;
}

const accepted = labelsBy("check", { verdict: "accepted" });
const refused = labelsBy("check", { verdict: "refused" });

/** Counts and logs. @param answer the reply to the client; undefined: none */
export function logRecipient(
  { counters, log }: RecipientLogging,
  session: Session,
  { mailbox, check, status }: RecipientFacts,
  answer: Reply | undefined,
): void {
  const ms = session.elapsed();
  counters.observe("rcpt_seconds", ms / 1000);
  counters.add("recipients", (answer?.code ?? 250) < 400 ? accepted(check) : refused(check));
  counters.tracer?.note({
    kind: "rcpt",
    name: "RCPT",
    session: session.id,
    ref: session.ref,
    ms,
    facts: { check, status, code: answer?.code },
    addresses: { recipient: mailbox.raw },
  });
  log.verdict({
    check,
    host: session.client.host === "" ? session.client.ip : session.client.host,
    from: session.transaction?.sender?.raw ?? "",
    user: foldUser(mailbox.user),
    address: mailbox.raw,
    status,
    session: session.id,
    ip: session.client.ip,
    helo: session.helo,
    listener: session.listener,
    code: answer?.code,
    ms,
  });
}
