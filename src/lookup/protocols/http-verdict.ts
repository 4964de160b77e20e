/** The verdict on one address as JSON has it. */
import type { Mailbox } from "../../mail/address.ts";
import { replyText } from "../../mail/reply.ts";
import { octetsOf } from "../../mail/octets.ts";
import { after } from "../../smtp/session/outcome.ts";
import { isReply, readEither } from "../address.ts";
import type { Asker, Party } from "../protocol.ts";
import type { LookupService, LookupVerdict, VerdictKind } from "../verdict.ts";

/** What is said of one address. */
export interface SpokenVerdict {
  readonly address: string;
  readonly verdict: VerdictKind;
  readonly accepted: boolean;
  /** What the relay would reply. */
  readonly reply: string;
  readonly reason: string;
  /** Of the row that was found; not given of hashed lists. */
  readonly kind?: string;
  readonly source?: string;
}

/** What is said of the list. */
export interface SpokenList {
  /** ISO 8601; null while there is none. */
  readonly created: string | null;
  /** Seconds. */
  readonly age: number | null;
}

const accepting: ReadonlySet<VerdictKind> = new Set(["known", "no-snapshot"]);

/** Asks about one address. Synchronous as long as every check is. */
export function spokenVerdict(asker: Asker, address: string, party: Party): SpokenVerdict | Promise<SpokenVerdict> {
  const { service } = asker;
  const octets = octetsOf(address);
  const recipient = readEither(octets, service);
  return isReply(recipient)
    ? spoken(address, asker.unread(octets, recipient, party))
    : after(asker.ask({ recipient, client: party.client, sender: party.sender }), (verdict) => ({
        ...spoken(address, verdict),
        ...(verdict.kind === "foreign" ? undefined : rowOf(recipient, service)),
      }));
}

function spoken(address: string, { kind, reply, reason }: LookupVerdict): SpokenVerdict {
  return { address, verdict: kind, accepted: accepting.has(kind), reply: replyText(reply), reason };
}

/** What is a refusal to whoever asks. */
export function refusal({ kind, reply }: LookupVerdict): string | undefined {
  return accepting.has(kind) ? undefined : replyText(reply);
}

function rowOf(
  recipient: Mailbox,
  { snapshot: { image }, recipients }: LookupService,
): Pick<SpokenVerdict, "kind" | "source"> | undefined {
  const found = image === undefined || image.keyed ? undefined : recipients.find(recipient);
  switch (found?.kind) {
    case "known":
      return { kind: found.as, source: found.source };
    case "gone":
      return { source: found.source };
    case "unknown":
    case "unavailable":
    case undefined:
      return undefined;
  }
}

/** What was last said of the creation of a list: to write a date takes as long as to look an address up. */
const created = { at: Number.NaN, text: "" };

/** How old the list is that answers. */
export function listOf({ snapshot: { image }, now }: LookupService): SpokenList {
  if (image === undefined) {
    return { created: null, age: null };
  }
  if (created.at !== image.created) {
    created.at = image.created;
    created.text = new Date(image.created).toISOString();
  }
  return { created: created.text, age: Math.round((now() - image.created) / 1000) };
}
