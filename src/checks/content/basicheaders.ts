/** basicheaders: refuses messages without the fields that every message has, or with a Date far away. RFC 5322 3.6. */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { MessageSession } from "../../hooks/message.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Refusal } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";
import { parseDate } from "../../message/date.ts";
import type { HeaderFields } from "../../message/header.ts";

type Reason = "empty" | "missing" | "past" | "future" | "repeated";

const says = (reason: Reason, text: string): Refusal<Reason, never> => refuse(reason, reply(554, "5.6.0", text));
const empty = says("empty", "You have to send some data first");
const tooOld = says("past", "The Date in the header was too far in the past");
const tooNew = says("future", "The Date in the header was too far in the future");

/** Fields that occur once at most, in the order of qpsmtpd. */
const single = [
  "Date",
  "From",
  "Sender",
  "Reply-To",
  "To",
  "Cc",
  "Bcc",
  "Message-Id",
  "In-Reply-To",
  "References",
  "Subject",
];

const nameRule = {
  allowed: "the name of a header field",
  fits: (text: string): boolean => /^[\x21-\x39\x3b-\x7e]{1,76}$/.test(text),
};

export const basicheaders: CheckDefinition = defineCheck({
  name: "basicheaders",
  doc: "Refuses empty messages, messages without the fields From and Date, and those with a Date too far in the past or the future. A Date that cannot be parsed is accepted.",
  original:
    "qpsmtpd plugin check_basicheaders by Jim Winstead Jr. (its replies), with the settings of 0.94's headers, which requires From only. Refused with 554 instead of 552.",
  failure: "None: it uses only the session.",
  stage: "policy",
  hooks: ["message"],
  settings: {
    require: field.listBy(nameRule, ["From", "Date"], "Fields that a message must have, with a value."),
    past: field.duration("0s", 'Maximum age of a message by its Date, such as "5d". 0s: any.'),
    future: field.duration("0s", 'How far the Date may be in the future, such as "1d". 0s: any.'),
    single: field.flag(
      false,
      "Refuse messages in which one of the fields Date, From, Sender, Reply-To, To, Cc, Bcc, Message-Id, In-Reply-To, References and Subject occurs more than once.",
    ),
    immune: field.flag(
      true,
      "Refuse only empty messages of clients that may relay, have authenticated, or are whitelisted. `unless` exempts clients from that too.",
    ),
  },
  reasons: {
    empty: "empty message",
    missing: "header field missing",
    past: "Date in the past",
    future: "Date in the future",
    repeated: "header field repeated",
  },
  create({ require, past, future, single: once, immune }, { now }) {
    const dateFault = (fields: HeaderFields): Refusal<Reason, never> | undefined => {
      const date = past === 0 && future === 0 ? undefined : parseDate(fields.nth("Date", 1) ?? "");
      if (date === undefined) {
        return undefined;
      }
      const age = now() - date;
      return past > 0 && age > past ? tooOld : future > 0 && -age > future ? tooNew : undefined;
    };
    return {
      message(session, { bytes, fields }) {
        if (bytes === 0) {
          return empty;
        }
        if (immune && isImmune(session)) {
          return pass;
        }
        const missing = require.find((name) => fields.values(name).every((value) => value === ""));
        if (missing !== undefined) {
          return says("missing", `Mail with no ${missing} header not accepted here`);
        }
        const repeated = once ? single.find((name) => fields.values(name).length > 1) : undefined;
        return repeated === undefined
          ? (dateFault(fields) ?? pass)
          : says("repeated", `Only one ${repeated} header allowed. See RFC 5322, Section 3.6`);
      },
    };
  },
});

function isImmune({ standing: { relayClient, user, whitelisted } }: MessageSession): boolean {
  return relayClient || user !== undefined || whitelisted;
}
