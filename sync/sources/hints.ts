/** What is odd about a source whose list is whole, or could not be read: told while it is read, by what passes anyway. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { type Batch, type Hint, SourceFault } from "../source.ts";
import { absentText, clearText, contextsText, emptyText, guessText, limitText } from "./hint-words.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { guessPreset, noRootDse, readRootDse, type RootDse } from "./root-dse.ts";
import type { Sightings } from "./sightings.ts";

const noSuchObject = 32;

/** Passes the batches of a server on, and ends with what is odd about them. */
export async function* withHints(
  batches: AsyncIterable<Batch>,
  connection: LdapConnection,
  settings: SourceSettings,
  sightings: Sightings,
): AsyncGenerator<Batch> {
  let entries = 0;
  let addresses = 0;
  for await (const batch of batches) {
    entries += batch.entries;
    addresses += batch.found.length;
    yield batch;
  }
  // One small search: the reading is over, and a server that does not answer it has still given its list.
  const rootDse = await readRootDse(connection).catch(() => noRootDse);
  const hints = [
    ...warnings(
      entries === 0 ? emptyText("ldap", rootDse.namingContexts) : limitText(entries, rootDse.offersPages),
      entries > 0 && addresses === 0 ? "no entry gives an address" : undefined,
      guessText(guessPreset(rootDse, sightings.classes()), settings.preset),
      clearText(settings, rootDse.offersStartTls),
      connection.certificateHint(Date.now()),
    ),
    ...(entries === 0 ? [] : absent(sightings)),
  ];
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

/** Passes the batches of a file on, and says where there was nothing in it. */
export async function* withFileHints(
  batches: AsyncIterable<Batch>,
  type: SourceSettings["type"],
): AsyncGenerator<Batch> {
  let entries = 0;
  let addresses = 0;
  for await (const batch of batches) {
    entries += batch.entries;
    addresses += batch.found.length;
    yield batch;
  }
  const hints = warnings(
    entries === 0 ? emptyText(type, []) : addresses === 0 ? "no entry gives an address" : undefined,
    entries > 0 && type === "ldif" ? limitText(entries, undefined) : undefined,
  );
  if (hints.length > 0) {
    yield { entries: 0, found: [], skipped: {}, hints };
  }
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
