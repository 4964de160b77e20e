/**
 * validrcptto: recipients by a cdb, as John Simpson's patch for qmail and qpsmtpd's check_validrcptto_cdb have it. The
 * address is a key, or `user-default@domain` for its extensions, or `@domain`; a value that begins with "-" refuses.
 */
import * as field from "../../config/fields.ts";
import type { Cdb } from "../../files/cdb.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import { withoutTag } from "../../mail/return-path.ts";

const known = found("known");
const noMap = found("unavailable");
/** Between two errors about a missing cdb; ms. */
const complainEvery = 10 * 60 * 1000;

/** The keys of an address in their order; all in lower case. */
function keysFor({ user, domain }: Mailbox, mark: string): string[] {
  const folded = foldAscii(user);
  if (domain === "") {
    return [folded];
  }
  const keys = [`${folded}@${domain}`];
  for (let end = folded.length, at = last(folded, mark, end); at > 0; at = last(folded, mark, end)) {
    keys.push(`${folded.slice(0, at)}${mark}default@${domain}`);
    end = at;
  }
  return [...keys, `@${domain}`];
}

/** Where the last mark before an end is; 0: nowhere that leaves a name in front. */
function last(user: string, mark: string, end: number): number {
  return mark === "" || end === 0 ? 0 : Math.max(0, user.lastIndexOf(mark, end - 1));
}

/** What the first key says that the map has. */
function isValid(map: Cdb, mailboxes: readonly Mailbox[], mark: string): boolean {
  for (const key of mailboxes.flatMap((mailbox) => keysFor(mailbox, mark))) {
    const value = map.get(key);
    if (value !== undefined) {
      return !value.startsWith("-");
    }
  }
  return false;
}

export const validrcptto: CheckDefinition = defineCheck({
  name: "validrcptto",
  doc: "Refuses recipients that a cdb does not have, with the reply to an unknown recipient. Beside goodmailto a recipient must be in both. Passes all while there is no cdb, and those of a client with VALIDRCPTTO_CDB set to nothing. [recipients] always counts.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    file: field.listFile(
      'The cdb, read again when it is replaced: user@domain, user-default@domain for "user-" and anything, or @domain for everybody there, in lower case. A value that begins with "-" refuses.',
      "validrcptto.cdb",
    ),
    break: field.textBy(
      { allowed: "one character or nothing", fits: (text) => text.length <= 1 },
      "-",
      "What separates extensions from the user part. Empty: no extensions.",
    ),
  },
  reasons: { unknown: "unknown recipient" },
  findings: { known: "found", unknown: "not found", unavailable: "accepted (no cdb)" },
  unless: ["relay client", "bypass"],
  create({ file, break: mark }, { domains, lists, log, now, recipients }) {
    const current = lists.map(file);
    const refusal = refuse("unknown", recipients.unknown, { finding: "unknown" });
    let complainedAt = Number.NEGATIVE_INFINITY;
    const complain = (): void => {
      if (Math.abs(now() - complainedAt) >= complainEvery) {
        complainedAt = now();
        log.error("validrcptto", "cdb is missing, all recipients pass", { file });
      }
    };
    return {
      rcpt({ recipient, variables }) {
        if (recipient === undefined || file === "" || variables.get("VALIDRCPTTO_CDB") === "") {
          return pass;
        }
        const map = current.current();
        if (map === undefined) {
          complain();
          return noMap;
        }
        const owner = withoutTag(recipient.user);
        const asked = spellings(recipient, domains).flatMap((one) =>
          owner === undefined ? [one] : [one, { ...one, user: owner }],
        );
        return recipients.isAlways(recipient) || isValid(map, asked, mark) ? known : refusal;
      },
    };
  },
});
