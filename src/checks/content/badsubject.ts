/** badsubject: refuses messages by their Subject, as it is read: unfolded and decoded. RFC 5322 2.2.3, RFC 2047. */
import * as field from "../../config/fields.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { longestHeader } from "../../files/patterns.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";

const refused = refuse("listed", reply(554, "5.7.1", "Message subject not accepted here"));

/** Subject fields of one message that are looked at; there should be one. */
const mostFields = 10;

/** A text as it is compared. */
function comparable(text: string): string {
  return text.normalize("NFC").replaceAll(/\s+/g, " ").trim().toLowerCase();
}

function readSubjects(entries: readonly ListEntry[], skip: Remark): ReadonlySet<string> {
  const subjects = new Set<string>();
  for (const entry of entries) {
    const text = comparable(entry.text);
    if (text.length > longestHeader) {
      skip(entry, `can never match: a subject has at most ${longestHeader} characters here`);
    } else {
      subjects.add(text);
    }
  }
  return subjects;
}

export const badsubject: CheckDefinition = defineCheck({
  name: "badsubject",
  doc: "Refuses messages whose Subject is in a list.",
  original:
    "qpsmtpd plugin badsubject, whose source is lost: its description says that lines are literal. Decoding, `match` and the reply are goodmailto's own choices.",
  failure: "An empty or missing list refuses nobody.",
  stage: "policy",
  hooks: ["message"],
  settings: {
    file: field.listFile(
      "The list: one subject per line, literal text in UTF-8. Case, the number of spaces and the encoding of the field do not matter.",
      "badsubject",
    ),
    match: field.choice(
      ["exact", "contains"],
      "exact",
      "exact: the subject is the line. contains: the line occurs in the first 998 characters of the subject, which also refuses replies and forwarded messages.",
    ),
  },
  reasons: { listed: "subject is listed" },
  unless: immune,
  create({ file, match }, { lists }) {
    const listed = lists.list(file, readSubjects);
    return {
      message(_session, { fields }) {
        const subjects = listed.current();
        if (subjects.size === 0) {
          return pass;
        }
        const given = fields.values("Subject").slice(0, mostFields);
        const texts = given.map((_value, i) => comparable(fields.text("Subject", i + 1) ?? ""));
        return texts.some((text) => isListed(subjects, text, match)) ? refused : pass;
      },
    };
  },
});

function isListed(subjects: ReadonlySet<string>, text: string, match: "exact" | "contains"): boolean {
  if (match === "exact") {
    return subjects.has(text);
  }
  const searched = text.slice(0, longestHeader);
  for (const subject of subjects) {
    if (searched.includes(subject)) {
      return true;
    }
  }
  return false;
}
