/** charset: a verdict for messages by the charset of their text. RFC 2045 5. */
import * as field from "../../config/fields.ts";
import { readCodeIndex } from "../../files/code-index.ts";
import type { CodeIndex } from "../../files/code-index.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { longestHeader } from "../../files/patterns.ts";
import { parseCode, refuseBy } from "../../hooks/code-words.ts";
import type { Code } from "../../hooks/code-words.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { pass } from "../../hooks/verdict.ts";
import { foldAscii } from "../../mail/address.ts";
import type { HeaderFields } from "../../message/header.ts";
import type { MimePart } from "../../message/mime.ts";
import { parameterOf } from "../../message/words.ts";

const usual = "Content-Type denied";
/** What a text is in that does not say so. RFC 2045 5.2. */
const unsaid = "us-ascii";

/** A name as it is compared. */
function charsetKey(name: string): string {
  return foldAscii(name.trim()).replaceAll("_", "-");
}

function readCharsets(entries: readonly ListEntry[], skip: Remark): CodeIndex<Code> {
  return readCodeIndex(entries, skip, { longest: longestHeader, code: parseCode, subject: charsetKey });
}

/** The charset of the message itself; undefined if it is not text. */
function topCharset(fields: HeaderFields): string | undefined {
  const value = fields.nth("Content-Type", 1) ?? "";
  if (value === "") {
    return unsaid;
  }
  return /^text\//i.test(value) ? charsetKey(parameterOf(value, "charset") ?? "") || unsaid : undefined;
}

function partCharset({ type, charset }: MimePart): string | undefined {
  return type.startsWith("text/") ? charsetKey(charset) || unsaid : undefined;
}

export const charset: CheckDefinition = defineCheck({
  name: "charset",
  doc: "Gives messages the verdict that a list has for the charset of their text: refuse or defer.",
  original:
    "qpsmtpd plugin charset; it looked at the Content-Type of the message only, refused with 552 and deferred with 452. `parts` and the exemptions are goodmailto's own choices.",
  failure:
    "An empty or missing list decides nothing. With parts = all, of more than 1000 parts or 100 levels the first are checked.",
  stage: "policy",
  hooks: ["message"],
  needs: "tap",
  settings: {
    file: field.listFile(
      'The list: one charset per line, or one Perl regular expression between slashes, followed by a code and the text of the reply. Case does not matter, and "_" is "-". Codes: OK, DONE and DECLINED (no verdict), DENY, DENYSOFT, DENY_DISCONNECT, DENYHARD (the same), DENYSOFT_DISCONNECT. The first line that matches decides. Text without a charset is us-ascii.',
      "charsets",
    ),
    parts: field.choice(
      ["top", "all"],
      "top",
      "top: check the Content-Type of the message, if it is text. all: check every text part of it; the first part that the list refuses decides.",
    ),
  },
  reasons: { charset: "charset is listed" },
  unless: immune,
  create({ file, parts }, { lists }) {
    const listed = lists.list(file, readCharsets);
    const verdictOn = (name: string | undefined) => {
      const { lines, placeOf } = listed.current();
      const line = name === undefined || lines.length === 0 ? undefined : lines[placeOf(name)];
      return line === undefined || line.code.kind !== "refuse"
        ? undefined
        : refuseBy(line.code, "message", "charset", "6.1", line.text || usual);
    };
    return {
      needs: parts === "all" ? "tap" : "header",
      message: (_session, { fields }) =>
        (listed.current().lines.length > 0 ? verdictOn(topCharset(fields)) : undefined) ?? pass,
      tap(_session, message) {
        if (listed.current().lines.length === 0) {
          return undefined;
        }
        const tree = message.parts();
        return {
          take: () => undefined,
          end: async () => {
            const charsets = new Set((await tree).parts.map(partCharset));
            return [...charsets].map(verdictOn).find((verdict) => verdict !== undefined) ?? pass;
          },
        };
      },
    };
  },
});
