/** dns_user: recipients are names in a DNS zone of one's own, for several servers; qpsmtpd's check_dns_user. */
import * as field from "../../config/fields.ts";
import { readName } from "../../dns/message.ts";
import { userName } from "../../dns/user-names.ts";
import type { DnsAnswer } from "../../dns/answer.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import { normalDomain } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { withoutTag } from "../../mail/return-path.ts";

const known = found("known");

const zoneRule: field.TextRule = {
  allowed: '"", or a zone such as "users.example.net"',
  fits: (text) => text === "" || (normalDomain(text) !== undefined && !text.startsWith("[")),
};

export const dns_user: CheckDefinition = defineCheck({
  name: "dns_user",
  doc: "Refuses recipients that have no A record in a DNS zone of your own (`goodmailto export --format dns-zone` writes it), with the reply to an unknown recipient. With a wildcard, every address of its domain is accepted. [recipients] always applies.",
  original:
    "qpsmtpd plugin check_dns_user by Hanno Hecker, whose naming scheme is lost; the one here is goodmailto's own choice.",
  failure: "A name server that does not answer refuses nobody.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    zone: field.textBy(zoneRule, "", "Name of the zone. Empty: nobody is refused."),
    form: field.choice(
      ["plain", "hash"],
      "plain",
      'plain: user.domain.zone in lower case, with octets other than letters, digits, "_", "." and "-" as "=xx"; an address that is too long for a DNS name is accepted. hash: the first 32 characters of the base32 of the SHA-256 of user@domain in lower case, for a zone that contains no readable addresses.',
    ),
  },
  reasons: { unknown: "unknown recipient" },
  findings: { known: "found", unknown: "not found", unavailable: "accepted (no DNS)" },
  unless: ["relay client", "bypass"],
  create({ zone: text, form }, { dns, domains, recipients }) {
    const zone = normalDomain(text);
    const refusal = (recipient: Mailbox) => refuse("unknown", recipients.unknown(recipient), { finding: "unknown" });
    const unavailable = found("unavailable");
    const namesOf = ({ user, domain }: Mailbox): readonly string[] => {
      const owner = withoutTag(user);
      const ours = domains.canonical(domain) ?? domain;
      return [user, ...(owner === undefined ? [] : [owner])].map((one) => `${userName(form, one, ours)}.${zone}`);
    };
    const judge = (recipient: Mailbox, answers: readonly DnsAnswer<string>[]) => {
      if (answers.some(({ kind }) => kind === "found")) {
        return known;
      }
      return answers.some(({ kind }) => kind === "failed") ? unavailable : refusal(recipient);
    };
    return {
      rcpt({ recipient }) {
        if (zone === undefined || recipient === undefined || recipient.domain === "") {
          return pass;
        }
        if (recipients.isAlways(recipient)) {
          return known;
        }
        const names = namesOf(recipient);
        // What cannot be a name may still be a user.
        return names.some((name) => readName(name) === undefined)
          ? pass
          : Promise.all(names.map(async (name) => dns.a(name))).then((answers) => judge(recipient, answers));
      },
    };
  },
});
