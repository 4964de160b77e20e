/** The recipients that relays were asked for and do not know, from files of this machine and by HTTP from others. */
import { readAsked } from "../../src/observe/asked-file.ts";
import { partPaths } from "../../src/observe/part-paths.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import { fetchText } from "../../src/transfer/text.ts";
import type { TextAccess } from "../../src/transfer/text.ts";
import { SourceFault } from "../source.ts";

/** Where they are. */
export interface AskedPlaces {
  /** Paths, each with the files of workers beside it, and URLs. */
  readonly places: readonly string[];
  readonly access: TextAccess;
}

/** What was read. */
export interface AskedAddresses {
  /** Of each place the newest last. */
  readonly addresses: readonly string[];
  /** What went wrong with some of the places. */
  readonly faults: readonly string[];
}

/** A relay with 64 workers that were asked for the longest addresses has a third of it. */
const mostOctets = 64 * 1024 * 1024;

/** Reads all of them. @throws SourceFault where none of the URLs could be read */
export async function readAskedPlaces({ places, access }: AskedPlaces, signal: AbortSignal): Promise<AskedAddresses> {
  const faults: string[] = [];
  const all = await Promise.all(
    places.map(async (place): Promise<readonly string[]> => {
      if (!/^https?:/i.test(place)) {
        return partPaths(place).flatMap(readAsked);
      }
      try {
        const text = await fetchText(place, access, mostOctets, signal);
        return text.split("\n").filter((line) => line !== "");
      } catch (error) {
        faults.push(`Cannot read the addresses that "${place}" was asked for: ${errorMessage(error)}`);
        return [];
      }
    }),
  );
  const [fault] = faults;
  if (fault !== undefined && faults.length === places.length) {
    throw new SourceFault("connect", fault);
  }
  return { addresses: all.flat(), faults };
}
