/**
 * verybadrcptto: a message to a trap is refused for all its recipients, at DATA. The recipient itself is not
 * refused by this check: a note is taken, and the other checks run. After qpsmtpd's check_verybadrcptto,
 * whose texts are kept word for word.
 */
import { setTimeout as wait } from "node:timers/promises";

import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { keysOf } from "../../files/entries.ts";
import { foldAscii } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import { entryKey } from "../../mail/list-entry.ts";
import type { Log } from "../../report/log.ts";
import { printable, reply } from "../../mail/reply.ts";

/** How its log lines begin, so that multilog can select them. */
const part = "check_verybadrcptto";
const note =
  "sorry, one or more of the recipients has flagged this e-mail as unsolicited bulk/commercial e-mail which is contrary to our acceptable e-mail use policy";
/** The enhanced code at the end is qpsmtpd's; in front, RFC 2034 4 wants it. */
const refused = refuse("trap", reply(554, "5.6.1", `${note} - spam score exceeded threshold (#5.6.1)`));
const oneSecond = 1000;

/** The wait costs this client a second and others nothing; it holds no process open. */
async function refuseAfterWait(log: Log): Promise<typeof refused> {
  log.info(part, note);
  await wait(oneSecond, undefined, { ref: false });
  return refused;
}

/** The check `verybadrcptto`. Stage `note`: also recipients that are refused elsewhere count. */
export const verybadrcptto: CheckDefinition = defineCheck({
  name: "verybadrcptto",
  doc: "Refuses, at DATA and after a delay of one second, every message with a listed recipient, accepted or not. At RCPT it decides nothing.",
  original: "qpsmtpd plugin check_verybadrcptto, whose texts are kept unchanged; it never matched @domain entries.",
  failure: "An empty or missing list refuses nobody.",
  stage: "note",
  hooks: ["rcpt", "data"],
  settings: {
    file: field.listFile(
      "The list, one complete address per line. An address in a relay domain also counts in its alias domains. Read again when it changes.",
    ),
    domains: field.flag(false, 'Whether "@domain" entries match every recipient in that domain.'),
    skip_bypass: field.flag(false, "Exempt clients with NOGOODMAILTO and those that have authenticated."),
  },
  reasons: { trap: "bad recipient" },
  create(settings, { log, lists, domains }) {
    const listed = lists.list(settings.file, (entries) => new Set(entries.map(({ text }) => entryKey(text))));
    const noted = noteOf<true>("transaction");
    const isExempt = (session: CheckSession): boolean =>
      settings.skip_bypass && (session.has("NOGOODMAILTO") || session.has("SMTPAUTHUSER"));
    const isListed = (entries: ReadonlySet<string | undefined>, recipient: Mailbox): boolean => {
      for (const mailbox of spellings(recipient, domains)) {
        for (const key of keysOf(mailbox)) {
          if (entries.has(key) && (settings.domains || !key.startsWith("@"))) {
            return true;
          }
        }
      }
      return false;
    };
    return {
      rcpt(session) {
        const { recipient, transaction } = session;
        if (recipient === undefined || transaction === undefined || recipient.domain === "" || isExempt(session)) {
          return pass;
        }
        const entries = listed.current();
        if (entries.size > 0 && isListed(entries, recipient)) {
          noted.set(session, true);
          const address = printable(`${foldAscii(recipient.user)}@${recipient.domain}`);
          log.info(part, `<${address}> is such a bad recipient that no data will be allowed to be sent`);
        }
        return pass;
      },
      data(session) {
        return noted.get(session) === true ? refuseAfterWait(log) : pass;
      },
    };
  },
});
