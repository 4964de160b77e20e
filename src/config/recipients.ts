/** `[recipients]`: what the answer to a recipient depends on beside the list. */
import type * as z from "zod";

import type { Mode } from "./check-words.ts";
import * as field from "./fields.ts";
import * as text from "./texts.ts";

/** The settings of the check goodmailto; the sync job reads some of them too. */
export const recipientSettings = {
  observe_file: field.text(
    "",
    "In observe mode: where the relay counts, for `goodmailto observe report`, what it would have refused and what the next hop said; in a folder that it may write to, as /var/lib/goodmailto-relay/observed.json. Empty: nowhere.",
  ),
  match: field.choice(
    ["address", "user-part"],
    "address",
    "user-part: the domain plays no part in the look-up, as in the plugin goodmailto.",
  ),
  always: field.mailboxes(
    ["postmaster", "abuse"],
    "User parts (of every relay domain) or addresses that exist whatever the directory says. RFC 5321 4.5.1, RFC 2142.",
  ),
  recipient_delimiter: field.textBy(
    text.delimitersRule,
    "+",
    'Characters that separate an extension from the user part, each of them: with "+-", "user+list" and "user-list" are "user". The longest listed part before one of them is the recipient. Empty: no extensions.',
  ),
  signed_return_paths: field.flag(
    true,
    "Bounces to signed senders are taken: prvs=TAG=user@ and btv1==TAG==user@ are looked up as user@, and SRS0= and SRS1= addresses of relay domains are accepted from the null sender. All are passed on unchanged.",
  ),
  reply: field.textBy(text.replyRule, "No such user here", "The text of the 550 5.1.1."),
  grace: field.duration(
    "0s",
    "An address that vanished from the directory is answered 450 4.2.1 for so long before it becomes 550. Sync and relay must both have it. 0s: 550 at once.",
  ),
  stale_after: field.duration(
    "0s",
    "While a source was last read whole longer ago than this, an unknown address is answered 450 4.2.1 instead of 550: it may be new. 0s: never.",
  ),
};

/** `[recipients]`, with the mode that every check has. */
export type RecipientSettings = z.infer<z.ZodObject<typeof recipientSettings>> & { readonly mode: Mode };
