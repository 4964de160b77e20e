/** What is odd about a source whose list is whole, or could not be read: told while it is read, by what passes anyway. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { type Batch, type Hint, SourceFault } from "../source.ts";
import { absentText, clearText, contextsText, emptyText, guessText, limitText } from "./hint-words.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { guessPreset, noRootDse, readRootDse, type RootDse } from "./root-dse.ts";
import type { Sightings } from "./sightings.ts";

const noSuchObject = 32;

/** What passed. */
interface Passed {
  readonly entries: number;
  readonly addresses: number;
}

/** Passes the batches of a server on, and ends with what is odd about them. */
export function withHints(
  batches: AsyncIterable<Batch>,
  connection: LdapConnection,
  settings: SourceSettings,
  sightings: Sightings,
): AsyncGenerator<Batch> {
  return endingWith(batches, async ({ entries, addresses }) => {
    // One small search: the reading is over, and a server that does not answer it has still given its list.
    const rootDse = await readRootDse(connection).catch(() => noRootDse);
    return [
      ...warnings(
        entries === 0 ? emptyText("ldap", rootDse.namingContexts) : limitText(entries, rootDse.offersPages),
        entries > 0 && addresses === 0 ? "no entry gives an address" : undefined,
        guessText(guessPreset(rootDse, sightings.classes()), settings.preset),
        clearText(settings, rootDse.offersStartTls),
        connection.certificateHint(Date.now()),
      ),
      ...(entries === 0 ? [] : absent(sightings)),
    ];
  });
}

/** Passes the batches of a file on, and says where there was nothing in it. */
export function withFileHints(batches: AsyncIterable<Batch>, type: SourceSettings["type"]): AsyncGenerator<Batch> {
  return endingWith(batches, ({ entries, addresses }) =>
    warnings(
      entries === 0 ? emptyText(type, []) : addresses === 0 ? "no entry gives an address" : undefined,
      entries > 0 && type === "ldif" ? limitText(entries, undefined) : undefined,
    ),
  );
}

/** Passes batches on, and then one with the hints, if there are any. */
async function* endingWith(
  batches: AsyncIterable<Batch>,
  hintsOf: (passed: Passed) => Hint[] | Promise<Hint[]>,
): AsyncGenerator<Batch> {
  let entries = 0;
  let addresses = 0;
  for await (const batch of batches) {
    entries += batch.entries;
    addresses += batch.found.length;
    yield batch;
  }
  const hints = await hintsOf({ entries, addresses });
  if (hints.length > 0) {
    yield { entries: 0, found: [], skipped: {}, hints };
  }
}

function warnings(...texts: readonly (string | undefined)[]): Hint[] {
  return texts.flatMap((text) => (text === undefined ? [] : [{ level: "warning" as const, text }]));
}

/** An attribute that nobody has is usual, unless the server has another name for it. */
function absent({ missing, others }: Sightings): Hint[] {
  const level = others.size === 0 ? "info" : "warning";
  return [...missing].map((attribute) => ({ level, text: absentText(attribute, others) }));
}

/** A base that is not there, with those that are. */
export async function explainBase(fault: unknown, connection: LdapConnection): Promise<unknown> {
  if (!(fault instanceof SourceFault) || fault.code !== noSuchObject) {
    return fault;
  }
  const { namingContexts }: RootDse = await readRootDse(connection).catch(() => noRootDse);
  const contexts = contextsText(namingContexts.slice(0, 20));
  return new SourceFault(fault.reason, `${fault.message}${contexts}`, { cause: fault, code: noSuchObject });
}
