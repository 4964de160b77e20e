/**
 * validrcptto: recipients by a cdb, as John Simpson's patch for qmail and qpsmtpd's check_validrcptto_cdb have it. The
 * address is a key, or `user-default@domain` for its extensions, or `@domain`; a value that begins with "-" refuses.
 * The patch is controlled by variables, which client rules may also set here: VALIDRCPTTO_CDB and VALIDRCPTTO_LIMIT.
 */
import * as field from "../../config/fields.ts";
import type { Cdb } from "../../files/cdb.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { noteOf } from "../../hooks/notes.ts";
import { found, pass, refuse } from "../../hooks/verdict.ts";
import { foldUser } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import { spellings } from "../../mail/domains.ts";
import { withoutTag } from "../../mail/return-path.ts";
import { octetsOf } from "../../mail/octets.ts";
import { extensionUsers } from "../../mail/wildcards.ts";

const known = found("known");
const noMap = found("unavailable");
/** Between two errors about a missing cdb; ms. */
const complainEvery = 10 * 60 * 1000;
/** Files that VALIDRCPTTO_CDB may name; plugins set variables, too. */
const mostFiles = 100;

const tooMany = refuse("limit", reply(421, "4.3.0", "too many invalid addresses, goodbye"), {
  finding: "unknown",
  close: true,
});
const refusals = noteOf<number>("session");

/** Whether this refusal of a client is the last one that VALIDRCPTTO_LIMIT lets it have. */
function isLast(session: CheckSession): boolean {
  const limit = Number(session.variables.get("VALIDRCPTTO_LIMIT") ?? "");
  const count = (refusals.get(session) ?? 0) + 1;
  refusals.set(session, count);
  return Number.isInteger(limit) && limit > 0 && count >= limit;
}

/** The keys of an address in their order; all in lower case. */
function keysFor({ user, domain }: Mailbox, mark: string): string[] {
  const folded = foldUser(user);
  return domain === ""
    ? [octetsOf(folded)]
    : [folded, ...extensionUsers(folded, mark), ""].map((one) => octetsOf(`${one}@${domain}`));
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
  doc: "Refuses recipients that are not in a cdb, with the reply to an unknown recipient. If the check goodmailto runs too, a recipient must be in both lists. [recipients] always applies. Client variables, as in the patch for qmail: VALIDRCPTTO_CDB names another cdb, or none if it is empty; with VALIDRCPTTO_LIMIT=n, the n-th unknown recipient of a session gets 421 and the client is disconnected.",
  original:
    "qpsmtpd plugin check_validrcptto_cdb by R. Bowes after John Simpson's validrcptto patch for qmail. VALIDRCPTTO_LOG is not needed: every recipient is logged.",
  failure: "Accepts everything while there is no cdb.",
  stage: "recipient",
  hooks: ["rcpt"],
  settings: {
    file: field.listFile(
      'Path of the cdb, read again when it is replaced. Keys: user@domain, user-default@domain for every address that begins with "user-", or @domain for all users, in lower case. A value that begins with "-" refuses.',
      "validrcptto.cdb",
    ),
    break: field.textBy(
      { allowed: "one character or nothing", fits: (text) => text.length <= 1 },
      "-",
      "Separator of extensions from the user part. Empty: no extensions.",
    ),
  },
  reasons: { unknown: "unknown recipient", limit: "too many unknown recipients" },
  findings: { known: "found", unknown: "not found", unavailable: "accepted (no cdb)" },
  unless: ["relay client", "bypass"],
  create({ file, break: mark }, { domains, lists, log, now, recipients }) {
    const maps = new Map([[file, lists.map(file)]]);
    const refusal = (recipient: Mailbox) => refuse("unknown", recipients.unknown(recipient), { finding: "unknown" });
    let complainedAt = Number.NEGATIVE_INFINITY;
    const complain = (path: string): void => {
      if (Math.abs(now() - complainedAt) >= complainEvery) {
        complainedAt = now();
        log.error("validrcptto", "cdb is missing, all recipients pass", { file: path });
      }
    };
    const mapOf = (path: string): Cdb | undefined => {
      const map = maps.get(path) ?? (maps.size < mostFiles ? lists.map(path) : undefined);
      if (map !== undefined) {
        maps.set(path, map);
      }
      return map?.current();
    };
    return {
      rcpt(session) {
        const { recipient } = session;
        const path = session.variables.get("VALIDRCPTTO_CDB") ?? file;
        if (recipient === undefined || path === "") {
          return pass;
        }
        const map = mapOf(path);
        if (map === undefined) {
          complain(path);
          return noMap;
        }
        const owner = withoutTag(recipient.user);
        const asked = spellings(recipient, domains).flatMap((one) =>
          owner === undefined ? [one] : [one, { ...one, user: owner }],
        );
        if (recipients.isAlways(recipient) || isValid(map, asked, mark)) {
          return known;
        }
        return isLast(session) ? tooMany : refusal(recipient);
      },
    };
  },
});
