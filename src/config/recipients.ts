/** `[recipients]`: what the answer to a recipient depends on beside the list. */
import type * as z from "zod";

import type { Mode } from "./check-words.ts";
import * as field from "./fields.ts";
import { lateShape } from "./late.ts";
import * as text from "./texts.ts";

/** The settings of the check goodmailto; the sync job reads some of them too. */
export const recipientSettings = lateShape({
  observe_file: () =>
    field.text(
      "",
      "File in which the relay counts, in observe mode, what it would have refused and what the next hop replied, for `goodmailto observe report`; the relay must be able to write to its folder, such as /var/lib/goodmailto-relay/observed.json. Empty: nothing is counted.",
      { isPlace: true },
    ),
  asked_file: () =>
    field.text(
      "",
      'File in which the relay writes the unknown recipients that clients asked for (at most 1000, the newest), for a sync of sources with changes = "search"; the relay must be able to write to its folder, and the sync to read it. Set it for both. Empty: none is written.',
      { isPlace: true },
    ),
  match: () =>
    field.choice(
      ["address", "user-part"],
      "address",
      "What is looked up. user-part: the domain is ignored, as in the plugin goodmailto.",
    ),
  always: () =>
    field.mailboxes(
      ["postmaster", "abuse"],
      "User parts (in every relay domain) or addresses that are always accepted, even if the directory does not list them. RFC 5321 4.5.1, RFC 2142.",
    ),
  catch_all: () =>
    field.choice(
      ["list", "directory", "off"],
      "list",
      "Which catch-all addresses (@domain) of the snapshot accept every address of their domain. list: those that a source of type list or cdb names. directory: those of LDAP directories too; sync keeps them for such domains only. Set it for both sync and relay. off: none.",
    ),
  recipient_delimiter: () =>
    field.textBy(
      text.delimitersRule,
      "+",
      'Characters that separate an extension from the user part: with "+-", both "user+list" and "user-list" are "user". The recipient is the longest listed part before one of them. Empty: no extensions.',
    ),
  signed_return_paths: () =>
    field.flag(
      true,
      "Accept bounces to signed senders: prvs=TAG=user@ and btv1==TAG==user@ are looked up as user@, and SRS0= and SRS1= addresses of relay domains are accepted from the null sender. All are passed on unchanged.",
    ),
  reply: () => field.textBy(text.replyRule, "No such user here", "Text of the 550 5.1.1 for unknown recipients."),
  grace: () =>
    field.duration(
      "0s",
      "How long an address removed from the directory gets 450 4.2.1 before 550. Set it for both sync and relay. 0s: 550 immediately.",
    ),
  live: () =>
    field.textBy(
      text.liveRule,
      "",
      'URL of a daemon on the internal network (`goodmailto deliverabled`), such as "http://192.0.2.10:8998", that is asked about recipients which are not in the list, so that a new user gets mail before the next sync. It is not asked about addresses that the list refuses explicitly. Empty: only the list is used.',
    ),
  live_timeout: () => field.duration("5s", "Timeout for an answer of the daemon of `live`.", ["10ms", "1m"]),
  live_cache: () => field.duration("60s", "How long to cache its answers. 0s: not at all."),
  live_away: () =>
    field.choice(
      ["defer", "list"],
      "defer",
      "What to do if the daemon of `live` does not answer or cannot tell. defer: 450 4.2.1, since the address may be new. list: use the verdict of the list.",
    ),
  stale_after: () =>
    field.duration(
      "0s",
      "If a source was last read completely longer ago than this, unknown addresses get 450 4.2.1 instead of 550, because they may be new. 0s: never.",
    ),
});

/** `[recipients]`, with the mode that every check has. */
export type RecipientSettings = z.infer<z.ZodObject<typeof recipientSettings>> & { readonly mode: Mode };
