/**
 * What became of single entries of a directory: each is asked for by its name, whatever the filter. One that is as it was
 * and is not found any more was lost by the search; one that is gone, or was changed, was somebody's will.
 */
import type { Fate, LostAddress } from "../source.ts";
import type { FoundEntry } from "./found-entry.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { searchRequest } from "./paged-search.ts";

const noSuchObject = 32;
/** RFC 4512 3.4.2, and Active Directory's own. */
const times = ["modifyTimestamp", "whenChanged"];
/** ms by which the clocks of sync and directory may differ. */
const skew = 300_000;

/**
 * Looks at each, and closes the connection.
 * @param since ms since 1970
 * @throws SourceFault if the server does not say
 */
export async function lookAtEntries(
  connection: LdapConnection,
  lost: readonly LostAddress[],
  since: number,
  controls: readonly string[],
): Promise<(Fate | undefined)[]> {
  const fates = new Map<string, Fate>();
  try {
    for (const entry of new Set(lost.map((one) => one.entry))) {
      const fate = await lookAt(connection, entry, since, controls);
      if (fate !== undefined) {
        fates.set(entry, fate);
      }
    }
  } finally {
    connection.close();
  }
  return lost.map(({ entry }) => fates.get(entry));
}

async function lookAt(
  connection: LdapConnection,
  base: string,
  since: number,
  controls: readonly string[],
): Promise<Fate | undefined> {
  const query = {
    base,
    scope: "base",
    filter: "(objectClass=*)",
    attributes: ["objectClass", ...times],
    controls,
  } as const;
  const steps = connection.search(searchRequest(query));
  let found: FoundEntry | undefined;
  for (;;) {
    const step = await steps.next();
    if (step.done !== true) {
      found ??= step.value[0];
      continue;
    }
    const { status } = step.value;
    if (status !== 0 || found === undefined) {
      return status === noSuchObject || status === 0 ? "left" : undefined;
    }
    const changed = changedAt(found);
    return changed === undefined ? undefined : changed > since - skew ? "left" : "there";
  }
}

/** ms since 1970; undefined: the server does not say. */
function changedAt({ attributes }: FoundEntry): number | undefined {
  const wanted = new Set(times.map((name) => name.toLowerCase()));
  const all = attributes
    .filter(({ type }) => wanted.has(type.toLowerCase()))
    .flatMap(({ values }) => values.map((value) => parseTime(value)))
    .filter((time) => time !== undefined);
  return all.length === 0 ? undefined : Math.max(...all);
}

/** GeneralizedTime of UTC, as directories write it: "20261128184500Z", "20261128184500.0Z". RFC 4517 3.3.13. */
export function parseTime(text: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?Z$/.exec(text);
  if (parts === null) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second = "00"] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}
