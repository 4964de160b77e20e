/** Publishes a snapshot for a test, by the ordinary sync job from a source in memory. */
import { normalKey, parseMailbox } from "../../src/mail/address.ts";
import { silentLog } from "../../src/report/log.ts";
import { catchAllKey } from "../../src/mail/wildcards.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { runSync } from "../../sync/run/full.ts";
import type { FoundAddress, Source } from "../../sync/source.ts";

/** One row to be: "user", "user@domain" or "@domain" for everybody there, with a kind or a rule if that matters. */
export type Wanted =
  | string
  | { readonly text: string; readonly kind: Kind; readonly rule?: string; readonly gone?: number };

function foundOf(wanted: Wanted): FoundAddress {
  const text = typeof wanted === "string" ? wanted : wanted.text;
  if (text.startsWith("@")) {
    return { key: catchAllKey(text.slice(1)), kind: "catchall", entry: `cn=${text}` };
  }
  const mailbox = parseMailbox(text);
  if (mailbox === undefined) {
    throw new RangeError(`"${text}" is no address`);
  }
  const kind = typeof wanted === "string" ? (text.includes("@") ? "account" : "shortname") : wanted.kind;
  const { rule, gone }: { rule?: string; gone?: number } = typeof wanted === "string" ? {} : wanted;
  const key = normalKey(mailbox.user, mailbox.domain);
  return {
    ...{ key, kind, entry: `cn=${text}` },
    ...(rule === undefined ? {} : { rule }),
    ...(gone === undefined ? {} : { gone }),
  };
}

/** Publishes these rows and no others. @param keep previous snapshots that stay beside it */
export async function publishSnapshot(
  path: string,
  rows: readonly Wanted[],
  domains: readonly string[] = [],
  keep = 0,
): Promise<void> {
  const source: Source = {
    name: "test",
    domains,
    read: async function* () {
      yield { entries: rows.length, found: rows.map(foundOf), skipped: {} };
    },
  };
  const outcome = await runSync({
    sources: [source],
    settings: { max_shrink: 1, keep },
    path,
    log: silentLog,
    signal: new AbortController().signal,
    now: Date.now,
    version: "test",
    acceptShrink: true,
  });
  if (outcome.kind !== "published") {
    throw new Error(`Cannot publish the test snapshot: ${JSON.stringify(outcome)}`);
  }
}
