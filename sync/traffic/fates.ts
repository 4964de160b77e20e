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

/** What became of each; of one that is not in it nobody can tell. */
export type Fates = ReadonlyMap<Loss, Fate>;

/** Asks the sources. Rejects never: a source that does not say explains nothing. */
export async function fatesOf(
  losses: readonly Loss[],
  sources: readonly Source[],
  previous: Previous,
  log: Log,
  signal: AbortSignal,
): Promise<Fates> {
  const fates = new Map<Loss, Fate>();
  const ask = async (source: Source): Promise<void> => {
    const { name } = source;
    const mine = losses.filter((loss) => loss.source === name && loss.entry !== "");
    const before = previous.sources.get(name);
    if (source.lookAt === undefined || mine.length === 0 || mine.length > mostAsked || !before?.readAt) {
      return;
    }
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
      const told = await source.lookAt(mine, before, within);
      told.forEach((fate, i) => {
        const loss = mine[i];
        if (loss !== undefined && fate !== undefined) {
          fates.set(loss, fate);
        }
      });
    } catch (error) {
      log.warning("sync", "cannot ask what became of lost recipients", { source: name, why: errorMessage(error) });
    }
  };
  await Promise.all(sources.map(ask));
  return fates;
}
