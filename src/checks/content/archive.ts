/** archive: keeps a copy of messages in files by date. It never refuses and never delays a reply. */
import { isAbsolute } from "node:path";

import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass } from "../../hooks/verdict.ts";
import { Drafts } from "./archive-drafts.ts";
import type { Draft } from "./archive-drafts.ts";

const folderRule: field.TextRule = { allowed: "an absolute path", fits: isAbsolute };
const pathRule: field.TextRule = {
  allowed: 'a path below folder, without ".."',
  fits: (text) => /^[^/\0][^\0]*$/.test(text) && !text.split("/").includes(".."),
};

export const archive: CheckDefinition = defineCheck({
  name: "archive",
  doc: "Keeps a copy of messages in files by date, as they came from the client, with lines that end in LF.",
  original:
    "qpsmtpd plugin content_log, which appended header and body of every message to mail/%Y%m%d without a separator (format = raw, what = all). Its other settings are goodmailto's own choices.",
  failure:
    "A message that cannot be kept is delivered without a copy; the log has a warning, and nothing is kept for a minute.",
  stage: "policy",
  hooks: ["message", "concluded"],
  needs: "tap",
  settings: {
    folder: field.textBy(
      folderRule,
      "/var/lib/goodmailto-relay",
      "The folder, which the relay must be able to write to.",
    ),
    path: field.textBy(
      pathRule,
      "mail/%Y%m%d",
      "Path below folder: of a file, or with format = maildir of a maildir. %Y %m %d %H %M %S %j stand for the local time.",
    ),
    format: field.choice(
      ["raw", "mbox", "maildir"],
      "mbox",
      "raw: messages one after another, which cannot be told apart again. mbox: each with a From_ line in front, From in the text quoted with > (mboxrd). maildir: each in a file of its own. With raw and mbox, a message above 1 MiB becomes a file in the maildir PATH.large.",
    ),
    what: field.choice(
      ["accepted", "all"],
      "accepted",
      "accepted: messages that the next hop has accepted. all: refused ones too, if they came to their end.",
    ),
    sample: field.integer(1, 1, 1_000_000, "Keep one of so many messages."),
  },
  reasons: {},
  create({ what, sample, ...place }, { label, log, now }) {
    const drafts = new Drafts(place, label, log, now);
    const draftOf = noteOf<Draft>("transaction");
    let count = 0;
    return {
      tap(session) {
        const draft = count++ % sample === 0 ? drafts.begin(session.id) : undefined;
        if (draft === undefined) {
          return undefined;
        }
        draftOf.set(session, draft);
        return {
          take: (content) => drafts.take(draft, content, session.id),
          end() {
            draft.isWhole = true;
            return pass;
          },
        };
      },
      concluded(session, conclusion) {
        const draft = draftOf.get(session);
        if (draft === undefined) {
          return;
        }
        if (draft.isWhole && !draft.isLost && (what === "all" || conclusion === "delivered")) {
          // Nobody waits for it, and it never rejects.
          void drafts.save(draft, session.transaction?.sender?.raw ?? "", session.id);
        } else {
          drafts.drop(draft);
        }
      },
    };
  },
});
