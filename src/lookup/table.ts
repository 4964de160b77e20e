/**
 * A key of a table, as mail servers look recipients up: there or not. A table knows no sender, so that a recipient for
 * some senders only is there; the internal mail server has the last word on it.
 */
import { after } from "../smtp/session/outcome.ts";
import { acceptsWholeDomain, isReply, readEither, wholeDomain } from "./address.ts";
import type { Asker, RefusalWords } from "./protocol.ts";
import type { LookupVerdict } from "./verdict.ts";

/** What a table says of a key. */
export type Found = "there" | "absent" | "later";

/**
 * Looks a key up. A name without a domain is in no table: Postfix asks for it after the whole address was absent, and
 * would accept a name of any source in its own domain.
 */
export function lookUp(key: string, asker: Asker): Found | Promise<Found> {
  const { service } = asker;
  const domain = wholeDomain(key);
  if (domain !== undefined) {
    return acceptsWholeDomain(domain, service) ? "there" : "absent";
  }
  const recipient = readEither(key, service);
  if (isReply(recipient)) {
    asker.unread(key, recipient);
    return "absent";
  }
  return recipient.domain === "" ? "absent" : after(asker.ask({ recipient }), foundOf);
}

/** What a table says of a verdict that is a refusal to whoever looks up. */
export function refusalIn(absent: string, later: string): RefusalWords {
  const words = { there: undefined, absent, later };
  return (verdict) => words[foundOf(verdict)];
}

/** What a verdict is in a table. */
export function foundOf({ kind }: LookupVerdict): Found {
  switch (kind) {
    case "known":
    case "no-snapshot":
    case "restricted":
      return "there";
    case "unknown":
    case "refused":
    case "foreign":
      return "absent";
    case "later":
    case "blocked":
      return "later";
  }
}
