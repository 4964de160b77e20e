/**
 * aliases: recipients by an alias file, expanded for the next hop. After Peter J. Holzer's aliases_check and
 * aliases_rewrite for qpsmtpd; with `expand = false` its check_local_aliases.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { recipientOptions } from "../../hooks/recipient-options.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Domains } from "../../mail/domains.ts";
import { isRewrittenSender, withoutTag } from "../../mail/return-path.ts";
import { AliasTable } from "./alias-table.ts";

const known = found("known");
const delimiters = { allowed: "some of + - . _ =, or nothing", fits: (text: string) => /^[+\-._=]*$/.test(text) };

/** A bare name, as RCPT TO:<postmaster>, is a name at each relay domain. */
function asked(recipient: Mailbox, { relay }: Domains): Mailbox[] {
  return recipient.domain === ""
    ? [recipient, ...relay.filter((name) => !name.startsWith(".")).map((domain) => ({ ...recipient, domain }))]
    : [recipient];
}

/** A bounce to a signed return path of a name that the file has. Only the server that signed it understands it: it stays as it is. */
function isSignedFor(recipient: Mailbox, table: AliasTable): boolean {
  const user = withoutTag(recipient.user);
  return user !== undefined && table.find({ ...recipient, user }) !== undefined;
}

export const aliases: CheckDefinition = defineCheck({
  name: "aliases",
  doc: "Takes recipients from an alias file. The next hop is told the addresses that an alias leads to, and the client gets 250 only if it accepts all of them; otherwise it gets the worst answer, and none of them gets the message. All must have the same next hop; if not, the answer is 451 4.3.5. Addresses outside of the relay domains are refused as relaying unless the client may relay, whatever the file says. [recipients] always counts. In front of goodmailto in [checks] run, which is not asked about aliases, nor about what they lead to.",
  original:
    "qpsmtpd plugins aliases_check and aliases_rewrite by Peter J. Holzer; with `expand = false` check_local_aliases, whose source is lost.",
  failure: "An empty or missing file refuses nobody.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    file: field.listFile(
      "The alias file. A line that ends in a comma goes on in the next one. A line that leads back to itself, too deep or to too many addresses is left out.",
      "aliases",
    ),
    format: field.choice(
      ["hjp", "sendmail"],
      "hjp",
      "hjp: LOCALS@DOMAINS (OPTIONS): ADDRESSES, with lists separated by commas. sendmail: name: addresses, as /etc/aliases; a name without a domain counts at every relay domain. Commands, files and :include: are left out.",
    ),
    unknown: field.choice(
      ["refuse", "pass"],
      "refuse",
      "What becomes of recipients that the file does not have: refused as unknown, or left to the checks behind, goodmailto for example.",
    ),
    delimiter: field.textBy(
      delimiters,
      "+",
      "Characters of which each begins a detail: vera+news is also looked up as vera, and +news is put behind each address. Empty: no details.",
    ),
    expand: field.flag(true, "false: the file only says who exists, and the next hop expands (check_local_aliases)."),
    depth: field.integer(20, 1, 50, "How many lines an alias may lead through."),
    max_expansion: field.integer(100, 1, 1000, "How many addresses an alias may lead to."),
  },
  reasons: { unknown: "unknown recipient" },
  findings: { known: "found (alias)", unknown: "not found" },
  create(settings, { domains, lists, recipients, sameNextHop }) {
    const { format, delimiter, depth, max_expansion: most } = settings;
    const table = lists.list(settings.file, (entries, skip, warn) =>
      AliasTable.read(entries, skip, warn, { format, domains, sameNextHop, delimiter, depth, most }),
    );
    const refusal = refuse("unknown", recipients.unknown, { finding: "unknown" });
    return {
      rcpt(session) {
        const { recipient } = session;
        const current = table.current();
        if (recipient === undefined || current.size === 0) {
          return pass;
        }
        for (const mailbox of asked(recipient, domains)) {
          const expansion = current.find(mailbox);
          if (expansion !== undefined) {
            recipientOptions.set(session, expansion.options);
            session.apply({ kind: "expand", mailboxes: settings.expand ? expansion.mailboxes : [recipient] });
            return known;
          }
        }
        if (isSignedFor(recipient, current)) {
          session.apply({ kind: "expand", mailboxes: [recipient] });
          return known;
        }
        const isLeft = settings.unknown === "pass" || isRewrittenSender(recipient.user);
        return isLeft || recipients.isAlways(recipient) ? pass : refusal;
      },
    };
  },
});
