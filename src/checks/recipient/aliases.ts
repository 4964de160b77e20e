/**
 * aliases: recipients by an alias file, expanded for the next hop. After Peter J. Holzer's aliases_check and
 * aliases_rewrite for qpsmtpd; with `expand = false` its check_local_aliases.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Domains } from "../../mail/domains.ts";
import { isRewrittenSender, withoutTag } from "../../mail/return-path.ts";
import { AliasTable } from "./alias-table.ts";
import type { Expansion } from "./alias-table.ts";

const known = found("known");
const delimiters = { allowed: "some of + - . _ =, or nothing", fits: (text: string) => /^[+\-._=]*$/.test(text) };

/** What a recipient is expanded to. A bare name, as RCPT TO:<postmaster>, is a name at each relay domain. */
function findExpansion(table: AliasTable, recipient: Mailbox, { relay }: Domains): Expansion | undefined {
  const own = table.find(recipient);
  if (own !== undefined || recipient.domain !== "") {
    return own;
  }
  for (const domain of relay) {
    const expansion = domain.startsWith(".") ? undefined : table.find({ ...recipient, domain });
    if (expansion !== undefined) {
      return expansion;
    }
  }
  return undefined;
}

/** A bounce to a signed return path of a name that the file has. Only the server that signed it understands it: it stays as it is. */
function isSignedFor(recipient: Mailbox, table: AliasTable): boolean {
  const user = withoutTag(recipient.user);
  return user !== undefined && table.find({ ...recipient, user }) !== undefined;
}

export const aliases: CheckDefinition = defineCheck({
  name: "aliases",
  doc: "Expands recipients by an alias file. The addresses of an alias are passed to the next hop, and the client gets 250 only if it accepts all of them; otherwise the client gets the worst reply, and none of them gets the message. All must have the same next hop; otherwise the reply is 451 4.3.5. Addresses outside the relay domains are refused unless the client may relay, regardless of the file. [recipients] always applies. Put it before goodmailto in [checks] run, which does not look up aliases or their addresses.",
  original:
    "qpsmtpd plugins aliases_check and aliases_rewrite by Peter J. Holzer; with `expand = false` check_local_aliases, whose source is lost.",
  failure: "An empty or missing file refuses nobody.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    file: field.listFile(
      "The alias file. A line that ends in a comma continues on the next one. An alias that leads back to itself, or exceeds depth or max_expansion, is left out.",
      "aliases",
    ),
    format: field.choice(
      ["hjp", "sendmail"],
      "hjp",
      "hjp: LOCALS@DOMAINS (OPTIONS): ADDRESSES, with lists separated by commas, in all combinations. Further patterns of the original are not known: a line with a wildcard (* or ?) is left out, with a warning. sendmail: name: addresses, as in /etc/aliases; a name without a domain is valid in every relay domain. Commands, files and :include: are left out.",
    ),
    unknown: field.choice(
      ["refuse", "pass"],
      "refuse",
      "Recipients that are not in the file. refuse: refused as unknown. pass: left to later checks, such as goodmailto.",
    ),
    delimiter: field.textBy(
      delimiters,
      "+",
      "Characters that begin an extension: vera+news is also looked up as vera, and +news is appended to each address. Empty: no extensions.",
    ),
    expand: field.flag(
      true,
      "Whether to expand aliases. false: the file only says which recipients exist, and the next hop expands them (check_local_aliases).",
    ),
    depth: field.integer(20, 1, 50, "Maximum depth of nested aliases."),
    max_expansion: field.integer(100, 1, 1000, "Maximum number of addresses of an alias."),
  },
  reasons: { unknown: "unknown recipient" },
  findings: { known: "found (alias)", unknown: "not found" },
  create(settings, { domains, lists, recipients, sameNextHop }) {
    const { format, delimiter, depth, max_expansion: most } = settings;
    const table = lists.list(settings.file, (entries, skip, warn) =>
      AliasTable.read(entries, skip, warn, { format, domains, sameNextHop, delimiter, depth, most }),
    );
    const refusal = (recipient: Mailbox) => refuse("unknown", recipients.unknown(recipient), { finding: "unknown" });
    return {
      introduce(session) {
        const { recipient } = session;
        const current = table.current();
        if (recipient === undefined || current.size === 0) {
          return;
        }
        const expansion = findExpansion(current, recipient, domains);
        if (expansion !== undefined) {
          session.apply({ kind: "options", options: expansion.options });
        }
      },
      rcpt(session) {
        const { recipient } = session;
        const current = table.current();
        if (recipient === undefined || current.size === 0) {
          return pass;
        }
        const expansion = findExpansion(current, recipient, domains);
        if (expansion !== undefined) {
          session.apply({ kind: "options", options: expansion.options });
          session.apply({ kind: "expand", mailboxes: settings.expand ? expansion.mailboxes : [recipient] });
          return known;
        }
        if (isSignedFor(recipient, current)) {
          session.apply({ kind: "expand", mailboxes: [recipient] });
          return known;
        }
        const isLeft = settings.unknown === "pass" || isRewrittenSender(recipient.user);
        return isLeft || recipients.isAlways(recipient) ? pass : refusal(recipient);
      },
    };
  },
});
