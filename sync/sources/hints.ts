/** What a person should know of a source whose list is whole, or could not be read: for `sync` and for `probe`. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { type Batch, SourceFault } from "../source.ts";
import { type LdapConnection, printable } from "./ldap-connection.ts";
import { searchRequest } from "./paged-search.ts";

/** Limits that servers come with: slapd 500, Active Directory 1000, 389 Directory Server 2000. */
const usualLimits = new Set([500, 1000, 2000, 5000, 10_000]);
const noSuchObject = 32;

/** What a suspiciously round number of entries means; undefined of any other number. */
export function limitText(entries: number): string | undefined {
  return usualLimits.has(entries) ? `exactly ${entries} entries: this looks like a size limit` : undefined;
}

/** What a reading that gave nothing means. */
export function emptyText(type: SourceSettings["type"], namingContexts: readonly string[]): string {
  switch (type) {
    case "ldap":
      return `success, and no entry: the bind DN has no right to read, or base or filter is wrong${contextsText(namingContexts)}`;
    case "ldif":
      return "no entry: the file is empty, or none of its entries fits base and filter";
    case "cdb":
      return "no recipient: the cdb has no key";
    case "list":
      return "no recipient: the file has comments and blank lines alone";
  }
}

/** Where a server has its entries, as the end of a sentence. */
function contextsText(namingContexts: readonly string[]): string {
  return namingContexts.length > 0 ? ` (the server has ${namingContexts.join(", ")})` : "";
}

/** Passes the batches of a server on, and ends with what is odd about them. */
export async function* withHints(batches: AsyncIterable<Batch>, connection: LdapConnection): AsyncGenerator<Batch> {
  let entries = 0;
  let addresses = 0;
  for await (const batch of batches) {
    entries += batch.entries;
    addresses += batch.found.length;
    yield batch;
  }
  const hints = [
    entries === 0 ? emptyText("ldap", await namingContexts(connection)) : limitText(entries),
    entries > 0 && addresses === 0 ? "no entry gives an address" : undefined,
    connection.certificateHint(Date.now()),
  ].filter((hint) => hint !== undefined);
  if (hints.length > 0) {
    yield { entries: 0, found: [], skipped: {}, hints };
  }
}

/** A base that is not there, with those that are. */
export async function explainBase(fault: unknown, connection: LdapConnection): Promise<unknown> {
  if (!(fault instanceof SourceFault) || fault.code !== noSuchObject) {
    return fault;
  }
  const contexts = contextsText(await namingContexts(connection));
  return new SourceFault(fault.reason, `${fault.message}${contexts}`, { cause: fault, code: noSuchObject });
}

/** The root DSE's, RFC 4512 5.1; none where the server does not tell. */
async function namingContexts(connection: LdapConnection): Promise<string[]> {
  try {
    const query = { base: "", scope: "base", filter: "(objectClass=*)", attributes: ["namingContexts"] } as const;
    const names: string[] = [];
    const search = connection.search(searchRequest({ ...query, controls: [] }));
    for (let step = await search.next(); step.done !== true; step = await search.next()) {
      const attributes = step.value.flatMap((entry) => entry.attributes);
      names.push(...attributes.flatMap(({ values }) => values.map((value) => printable(String(value)))));
    }
    return names.slice(0, 20);
  } catch {
    return [];
  }
}
