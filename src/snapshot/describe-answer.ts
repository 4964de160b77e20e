/** What the list said of a recipient, in words for the administrator: for `check` and `explain`. */
import { namesRoute } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { readableDn } from "../mail/readable-dn.ts";
import type { RecipientAnswer, Restriction } from "./recipients.ts";

/**
 * One sentence without a period.
 * @param line what the relay's log would say where the recipient passes; "" if it is refused
 * @param section where the settings of its domain are
 */
export function describeAnswer(
  found: RecipientAnswer,
  mailbox: Mailbox,
  line: string,
  section = "[recipients]",
): string {
  const passes = line === "" ? "" : `; ${line}`;
  switch (found.kind) {
    case "known":
      if (found.as === "return path") {
        return "a rewritten sender (SRS), which accepts mail from the null sender only ([recipients] signed_return_paths)";
      }
      return found.as === "always"
        ? `"${found.key}" always exists (${section} always)`
        : `${describeKey(found.key, found.as)} of ${origin(found)}${describeRestriction(found.restriction)}`;
    case "gone":
      return `key "${found.key}" of ${origin(found)} vanished from the directory at ${new Date(found.since).toISOString()}${passes}`;
    case "unknown":
      if (found.by !== undefined) {
        return `key "${found.by.key}" of ${origin(found.by)} refuses it${passes}`;
      }
      return `${namesRoute(mailbox.user) ? "user part names a route, and the directory does not list exactly this address" : "not in the directory"}${passes}`;
    case "unavailable":
      return `no snapshot (${found.why}): ${line === "" ? "refused anyway: its user part names a route" : "the relay fails open"}`;
  }
}

function describeKey(key: string, kind: string): string {
  switch (kind) {
    case "catchall":
      return `catch-all "${key}", which takes every address of the domain,`;
    case "extension":
      return `wildcard "${key}", which takes every address with that beginning,`;
    default:
      return `key "${key}" (${kind})`;
  }
}

/** A hashed snapshot knows kinds and sources only. */
function origin({ source, entry }: { readonly source: string; readonly entry: string }): string {
  return entry === "" ? `source "${source}"` : `source "${source}", entry "${readableDn(entry)}"`;
}

function describeRestriction(restriction: Restriction | undefined): string {
  switch (restriction?.kind) {
    case undefined:
    case "bounces":
      return "";
    case "later":
      return "; it takes no mail for a time";
    case "internal":
      return "; only clients with RELAYCLIENT or a login may write to it";
    case "senders":
      return `; only clients with RELAYCLIENT or a login and ${restriction.count} listed senders may write to it`;
  }
}
