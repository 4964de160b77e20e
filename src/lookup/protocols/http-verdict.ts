/** The verdict on one address as JSON has it. */
import type { Image } from "../../snapshot/image.ts";
import { replyText } from "../../mail/reply.ts";
import { isReply, octetsOf, readEither, unreadable } from "../address.ts";
import type { Asker } from "../protocol.ts";
import type { LookupService, Question, VerdictKind } from "../verdict.ts";

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

/** Asks about one address. */
export async function spokenVerdict(
  { service, ask }: Asker,
  address: string,
  party: Pick<Question, "client" | "sender">,
): Promise<SpokenVerdict> {
  const octets = octetsOf(address);
  const recipient = readEither(octets, service);
  const isAddress = !isReply(recipient);
  const { kind, reply, reason } = isAddress
    ? await ask({ recipient, ...party })
    : unreadable(octets, recipient, service);
  const said = { address, verdict: kind, accepted: accepting.has(kind), reply: replyText(reply), reason };
  const image: Image | undefined = service.snapshot.image;
  const found =
    !isAddress || kind === "foreign" || image === undefined || image.keyed
      ? undefined
      : service.recipients.find(recipient);
  return found?.kind === "known" || found?.kind === "gone"
    ? { ...said, ...(found.kind === "known" ? { kind: found.as } : {}), source: found.source }
    : said;
}

/** How old the list is that answers. */
export function listOf({ snapshot, now }: LookupService): SpokenList {
  const { image } = snapshot;
  return image === undefined
    ? { created: null, age: null }
    : { created: new Date(image.created).toISOString(), age: Math.round((now() - image.created) / 1000) };
}
