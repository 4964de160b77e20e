/** goodrcptto: a recipient that a list does not have is unknown; qpsmtpd's check_goodrcptto, by Gavin Carr. */
import * as field from "../../config/fields.ts";
import { findMailbox, readAddresses } from "../../files/entries.ts";
import type { AddressLine } from "../../files/entries.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import { foldUser } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import type { Domains } from "../../mail/domains.ts";
import { withoutTag } from "../../mail/return-path.ts";

const known = found("known");

/** The user parts that count: as it came, without the tag of a signature, and what is before the first `extn` of each. */
function usersOf(user: string, extn: string): string[] {
  const whole = [user, withoutTag(user) ?? user];
  const bases = whole.map((one) => (extn === "" ? one : (one.split(extn, 1)[0] ?? one)));
  return [...new Set([...whole, ...bases])].filter((one) => one !== "");
}

function isListed(
  listed: ReadonlyMap<string, AddressLine>,
  recipient: Mailbox,
  extn: string,
  domains: Domains,
): boolean {
  return usersOf(recipient.user, extn).some(
    (user) =>
      listed.has(foldUser(user)) ||
      spellings({ ...recipient, user }, domains).some((mailbox) => findMailbox(listed, mailbox) !== undefined),
  );
}

export const goodrcptto: CheckDefinition = defineCheck({
  name: "goodrcptto",
  doc: "Refuses recipients that are not in a list, with the reply to an unknown recipient. If the check goodmailto runs too, a recipient must be in both lists. [recipients] always applies.",
  original: "qpsmtpd plugin check_goodrcptto by Gavin Carr.",
  failure: "An empty or missing list refuses nobody.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    file: field.listFile(
      "The list: one user@host, @host (all users) or user (in every relay domain) per line. Further text is ignored. Case does not matter.",
      "goodrcptto",
    ),
    extn: field.text(
      "",
      'Separator of extensions from the user part: with "-", "vera-news" is also looked up as "vera". Empty: no extensions.',
    ),
  },
  reasons: { unknown: "unknown recipient" },
  findings: { known: "found", unknown: "not found" },
  unless: ["relay client", "authenticated", "bypass"],
  create({ file, extn }, { domains, lists, recipients }) {
    const list = lists.list(file, (entries, skip) => readAddresses(entries, skip, true));
    const refusal = (recipient: Mailbox) => refuse("unknown", recipients.unknown(recipient), { finding: "unknown" });
    return {
      rcpt({ recipient }) {
        const listed = list.current();
        if (recipient === undefined || recipient.domain === "" || listed.size === 0) {
          return pass;
        }
        return recipients.isAlways(recipient) || isListed(listed, recipient, extn, domains)
          ? known
          : refusal(recipient);
      },
    };
  },
});
