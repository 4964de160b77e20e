/**
 * `changes = "search"`: for a directory that cannot tell what changed, such as Domino. Between full syncs it is asked
 * about the addresses that clients asked the relay for and the list does not know, each once, so many at a time.
 */
import type { Mailbox } from "../../src/mail/address.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import type { Batch, Source } from "../source.ts";
import type { AskedAddresses } from "./asked-places.ts";
import type { LiveDirectory } from "./directory.ts";

/** Addresses that one incremental sync asks about. */
const mostAtOnce = 200;
/** Addresses that are remembered until the next full sync; beyond them none is asked about. */
const mostInAll = 10_000;
/** What the list says of a source that can be asked. */
const reached = "search";

/** Where to ask. */
export interface SearchOptions {
  /** Addresses that the list did not know, the newest last. @throws SourceFault if they cannot be read */
  readonly asked: (signal: AbortSignal) => AskedAddresses | Promise<AskedAddresses>;
  /** Opens a way to the directory, which is closed after each sync. */
  readonly open: () => Pick<LiveDirectory, "find" | "close">;
}

const end: Batch = { entries: 0, found: [], skipped: {}, reached };

/** All batches, the last ones with {@link reached}: nobody may wait for what is behind a complete list. */
async function* marked(batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  for await (const batch of batches) {
    yield batch.complete === true ? { ...batch, reached } : batch;
  }
  yield end;
}

/** The source, as one that can tell what is new. */
export function withSearch(source: Source, { asked, open }: SearchOptions): Source {
  const done = new Set<string>();
  const fresh = (addresses: readonly string[]): [string, Mailbox][] =>
    [...new Set(addresses.toReversed())]
      .filter((address) => !done.has(address))
      .flatMap((address): [string, Mailbox][] => {
        const mailbox = parseMailbox(address);
        return mailbox === undefined ? [] : [[address, mailbox]];
      })
      .slice(0, Math.min(mostAtOnce, mostInAll - done.size));
  return {
    ...source,
    async *read(signal, notice) {
      yield* marked(source.read(signal, notice));
      done.clear();
    },
    async *readChanges(_, signal) {
      const { addresses, faults } = await asked(signal);
      const wanted = fresh(addresses);
      if (wanted.length > 0) {
        const directory = open();
        try {
          for (const [address, mailbox] of wanted) {
            signal.throwIfAborted();
            const found = await directory.find(mailbox);
            done.add(address);
            if (found.length > 0) {
              yield { entries: 1, found, skipped: {} };
            }
          }
        } finally {
          directory.close();
        }
      }
      yield { ...end, hints: faults.map((text) => ({ level: "warning", text })) };
    },
  };
}
