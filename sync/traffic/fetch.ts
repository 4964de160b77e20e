/**
 * Reads what relays remember of who gets mail: from a file that is handed over, or by HTTP. Whatever is wrong with one, a
 * warning: no list may wait for ever for a relay that is away.
 */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";

import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { dayOf, messagesSince, weekDays } from "../../src/traffic/record.ts";
import type { TrafficRecord } from "../../src/traffic/record.ts";
import { longestText, parseTraffic } from "../../src/traffic/text.ts";
import type { Traffic } from "../../src/traffic/text.ts";
import { fetchText } from "../../src/transfer/text.ts";
import type { TextAccess } from "../../src/transfer/text.ts";

/** Where it is, and how one may ask. */
export interface TrafficPlaces extends TextAccess {
  /** Paths and URLs. */
  readonly places: readonly string[];
  /** What the hashes must be marked with. */
  readonly mark: string;
  /** Whether somebody named the places: what is missing at the usual one only means that there is no relay. */
  readonly named: boolean;
}

/** A relay that wrote nothing for so long, in ms, says nothing of the mail of this week. */
const oldest = 3 * 86_400_000;

/** The traffic of every relay that could be read. @param now ms since 1970 */
export async function fetchTraffic(
  { places, ...access }: TrafficPlaces,
  log: Log,
  now: number,
  signal: AbortSignal,
): Promise<Traffic[]> {
  const all = await Promise.all(
    places.map(async (place): Promise<Traffic | undefined> => {
      try {
        const read = parseTraffic(await readPlace(place, access, signal));
        const why = typeof read === "string" ? read : refuse(read, access.mark, now);
        if (typeof read !== "string" && why === undefined) {
          return read;
        }
        log.warning("sync", "traffic not usable, its guard does not look", { place, why });
      } catch (error) {
        const isUsual = !access.named && error instanceof Error && "code" in error && error.code === "ENOENT";
        log[isUsual ? "debug" : "warning"]("sync", "traffic not read, its guard does not look", {
          place,
          why: errorMessage(error),
        });
      }
      return undefined;
    }),
  );
  return all.filter((one) => one !== undefined);
}

function refuse({ mark, written }: Traffic, wanted: string, now: number): string | undefined {
  if (mark !== wanted) {
    return "its hashes are of another secret, or for another [recipients] match";
  }
  return Math.abs(now - written) > oldest ? `it was written at ${new Date(written).toISOString()}` : undefined;
}

function readPlace(place: string, access: TextAccess, signal: AbortSignal): string | Promise<string> {
  return /^https?:/i.test(place) ? fetchText(place, access, longestText, signal) : readText(place);
}

function readText(path: string): string {
  const file = openSync(path, "r");
  try {
    const facts = fstatSync(file);
    if (!facts.isFile() || facts.size > longestText) {
      throw new RangeError(facts.isFile() ? `more than ${longestText} octets` : "it is not a file");
    }
    return readFileSync(file, "latin1");
  } finally {
    closeSync(file);
  }
}

/** One recipient, by all relays. */
export interface Active extends TrafficRecord {
  /** Messages of the last seven days. */
  readonly week: number;
}

/** The recipients of all relays, each once. */
export function mergeTraffic(all: readonly Traffic[], now: number): Active[] {
  const first = dayOf(now) - weekDays + 1;
  const merged = new Map<string, Active>();
  for (const record of all.flatMap(({ records }) => records)) {
    const key = `${record.full} ${record.domain}`;
    const other = merged.get(key);
    const week = messagesSince(record, first) + (other?.week ?? 0);
    const last = Math.max(record.last, other?.last ?? 0);
    merged.set(key, { ...record, ...refusals(record, other), last, week });
  }
  return [...merged.values()];
}

/** Those of the later list. */
function refusals(one: TrafficRecord, other: TrafficRecord | undefined): Pick<TrafficRecord, "refused"> {
  const all = [one.refused, other?.refused].filter((refused) => refused !== undefined);
  const list = Math.max(...all.map((refused) => refused.list));
  const count = all.reduce((sum, refused) => (refused.list === list ? sum + refused.count : sum), 0);
  return all.length === 0 ? {} : { refused: { list, count } };
}
