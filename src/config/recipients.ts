/** `[recipients]`: what the answer to a recipient depends on beside the list. */
import type * as z from "zod";

import type { Mode } from "./check-words.ts";
import * as field from "./fields.ts";
import * as text from "./texts.ts";

/** The settings of the check goodmailto; the sync job reads some of them too. */
export const recipientSettings = {
  observe_file: field.text(
    "",
    "File in which the relay counts, in observe mode, what it would have refused and what the next hop replied, for `goodmailto observe report`; the relay must be able to write to its folder, such as /var/lib/goodmailto-relay/observed.json. Empty: nothing is counted.",
  ),
  match: field.choice(
    ["address", "user-part"],
    "address",
    "What is looked up. user-part: the domain is ignored, as in the plugin goodmailto.",
  ),
  always: field.mailboxes(
    ["postmaster", "abuse"],
    "User parts (in every relay domain) or addresses that are always accepted, even if the directory does not list them. RFC 5321 4.5.1, RFC 2142.",
  ),
  recipient_delimiter: field.textBy(
    text.delimitersRule,
    "+",
    'Characters that separate an extension from the user part: with "+-", both "user+list" and "user-list" are "user". The recipient is the longest listed part before one of them. Empty: no extensions.',
  ),
  signed_return_paths: field.flag(
    true,
    "Accept bounces to signed senders: prvs=TAG=user@ and btv1==TAG==user@ are looked up as user@, and SRS0= and SRS1= addresses of relay domains are accepted from the null sender. All are passed on unchanged.",
  ),
  reply: field.textBy(text.replyRule, "No such user here", "Text of the 550 5.1.1 for unknown recipients."),
  grace: field.duration(
    "0s",
    "How long an address removed from the directory gets 450 4.2.1 before 550. Set it for both sync and relay. 0s: 550 immediately.",
  ),
  live: field.textBy(
    text.liveRule,
    "",
    'An inside daemon (`goodmailto deliverabled`) that is asked about recipients which the list does not know, as "http://192.0.2.10:8998": a new user gets mail before the next sync. What the list refuses by name is not asked about. Empty: the list alone.',
  ),
  live_timeout: field.duration("5s", "Deadline for an answer of the inside daemon.", ["10ms", "1m"]),
  live_cache: field.duration("60s", "How long to keep its answers. 0s: not at all."),
  live_away: field.choice(
    ["defer", "list"],
    "defer",
    "If the inside daemon does not answer or cannot tell: defer: 450 4.2.1, since the address may be new. list: the answer of the list stands.",
  ),
  stale_after: field.duration(
    "0s",
    "If a source was last read completely longer ago than this, unknown addresses get 450 4.2.1 instead of 550, because they may be new. 0s: never.",
  ),
};

/** `[recipients]`, with the mode that every check has. */
export type RecipientSettings = z.infer<z.ZodObject<typeof recipientSettings>> & { readonly mode: Mode };
