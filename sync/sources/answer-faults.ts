/** What is wrong about a server's answer. */
import { type Message, SearchReference } from "ldapts";

import { SourceFault } from "../source.ts";
import type { Answer } from "./answer-reader.ts";
import type { ServerTarget } from "./dial.ts";
import { printable } from "./printable.ts";

/** What to do about a reference: RFC 4511 4.5.3. */
export const referralAdvice =
  "set base below the part that is elsewhere, make a [[source]] of its own for that server, " +
  'or use preset "active-directory", which asks for no referrals, if the server is Active Directory';

/** What is no part of a search's answer. */
export function unfitFault(target: ServerTarget, message: Message): SourceFault {
  return message instanceof SearchReference
    ? new SourceFault(
        "referral",
        `${target.url} refers to ${printable(message.uris.join(" "))} for a part of the list; ${referralAdvice}`,
      )
    : new SourceFault("format", `${target.url} answered a search with something else`);
}

/** Message 0 is the server's notice of disconnection, RFC 4511 4.4.1. */
export function strayFault(target: ServerTarget, message: Answer): SourceFault {
  return message.messageId === 0
    ? new SourceFault("connect", `${target.url} ended the session`)
    : new SourceFault("format", `${target.url} answered a question that was not asked`);
}
