/** What became of the recipients that a new list would refuse, by the word of their directories. */
import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import type { Previous } from "../list/previous.ts";
import type { Fate, Source } from "../source.ts";
import type { Loss } from "./replay.ts";

/** Entries that are asked for; more are lost whatever became of each. */
const mostAsked = 500;
/** ms for all of a source. */
const timeout = 60_000;

/** The fates by entry, of every source; of an entry that is not in it nobody can tell. */
export type Fates = ReadonlyMap<string, ReadonlyMap<string, Fate>>;

/** Asks the sources. Rejects never: a source that does not say explains nothing. */
export async function fatesOf(
  losses: readonly Loss[],
  sources: readonly Source[],
  previous: Previous,
  log: Log,
  signal: AbortSignal,
): Promise<Fates> {
  const fates = await Promise.all(
    sources.map(async (source): Promise<[string, ReadonlyMap<string, Fate>]> => {
      const { name } = source;
      const entries = losses.filter((loss) => loss.source === name && loss.entry !== "").map(({ entry }) => entry);
      const since = previous.sources.get(name)?.readAt ?? 0;
      if (source.lookAt === undefined || entries.length === 0 || entries.length > mostAsked || since === 0) {
        return [name, new Map()];
      }
      try {
        return [name, await source.lookAt(entries, since, AbortSignal.any([signal, AbortSignal.timeout(timeout)]))];
      } catch (error) {
        log.warning("sync", "cannot ask what became of lost recipients", { source: name, why: errorMessage(error) });
        return [name, new Map()];
      }
    }),
  );
  return new Map(fates);
}
