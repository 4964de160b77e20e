/** Whether a client may send to a recipient at all; whatever else is broken, this is not. docs/design.md promise 2. */
import type { Session } from "../hooks/session.ts";
import { namesRoute } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Service } from "./service.ts";

type Lists = Pick<Service, "recipients" | "domains">;

/** Whether the domain is a relay domain. */
export function isOurs({ domains }: Pick<Lists, "domains">, mailbox: Mailbox): boolean {
  return mailbox.domain === "" || domains.canonical(mailbox.domain) !== undefined;
}

/** Why not; undefined: it may. */
export function relayFault(lists: Lists, session: Session, mailbox: Mailbox): string | undefined {
  if (session.has("RELAYCLIENT")) {
    return undefined;
  }
  if (!isOurs(lists, mailbox)) {
    return "relaying denied";
  }
  // `user%NOTESDOMAIN@ours` and its like pass only if the directory lists them just so.
  const routed = namesRoute(mailbox.user) && lists.recipients.find(mailbox).kind !== "known";
  return routed ? "route in user part" : undefined;
}
