/**
 * Where a directory holds an address that the sync did not find: one search for each address over the attributes in
 * which addresses usually stand. For a person who closes a gap; nothing is written.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { foldAscii, foldUser, normalKey, parseMailbox } from "../../src/mail/address.ts";
import { addressForms } from "./address-forms.ts";
import { presetFor } from "../presets/preset-for.ts";
import { parseTarget } from "../sources/dial.ts";
import { escapeFilterValue } from "../sources/filter.ts";
import type { FoundEntry } from "../sources/found-entry.ts";
import type { LdapConnection } from "../sources/ldap-connection.ts";
import { connectFirst } from "../sources/ldap.ts";
import { searchRequest } from "../sources/paged-search.ts";
import { SourceFault } from "../source.ts";

/** One value that is the address, or its user part. */
export interface EntryPlace {
  readonly source: string;
  readonly dn: string;
  readonly attribute: string;
  readonly value: string;
  readonly classes: readonly string[];
  /** The sync reads this attribute: so the entry is outside base or filter, or excluded. */
  readonly read: boolean;
}

/** What the search for one address gave. */
export interface Located {
  readonly address: string;
  readonly places: readonly EntryPlace[];
}

/** Attributes that hold addresses somewhere. */
const addressAttributes = [
  "mail",
  "mailAlternateAddress",
  "mailAlternativeAddress",
  "mailPrimaryAddress",
  "mailEquivalentAddress",
  "mailLocalAddress",
  "mailRoutingAddress",
  "mailForwardingAddress",
  "mailaddress",
  "otherMailbox",
  "rfc822Mailbox",
  "userPrincipalName",
  "zimbraMailAlias",
  "zimbraMailDeliveryAddress",
  "kopanoAliases",
  "gosaMailAlternateAddress",
  "labeledURI",
] as const;
/** Attributes that hold a user part. */
const nameAttributes = ["uid", "sAMAccountName", "mailNickname", "cn"] as const;
/** Entries that one address may find; a text that finds more is not an address. */
const maxEntries = 50;

/** The filter that finds an address wherever it may stand. @param forms of the address */
export function locatingFilter(address: string, forms: readonly string[] = [address]): string {
  const user = escapeFilterValue(parseMailbox(address)?.user ?? address);
  const tests = [
    ...forms
      .map(escapeFilterValue)
      .flatMap((whole) => [
        ...addressAttributes.map((name) => `(${name}=${whole})`),
        `(proxyAddresses=smtp:${whole})`,
        ...nameAttributes.map((name) => `(${name}=${whole})`),
      ]),
    ...nameAttributes.map((name) => `(${name}=${user})`),
  ];
  return `(|${[...new Set(tests)].join("")})`;
}

/**
 * Searches one directory for each of the addresses.
 * @param namesOf the names under which a relay domain is known
 * @throws SourceFault if it cannot be asked
 */
export async function* locate(
  addresses: readonly string[],
  settings: SourceSettings,
  folder: string,
  signal: AbortSignal,
  namesOf: (domain: string) => readonly string[],
): AsyncGenerator<Located> {
  const read = new Set(presetFor(settings).addresses.map(({ attribute }) => attribute));
  const connection = await connectFirst(settings.url.map(parseTarget), settings, folder, signal);
  try {
    for (const address of addresses) {
      const forms = addressForms(address, namesOf);
      const entries = await search(connection, settings.base, address, forms);
      yield { address, places: entries.flatMap((entry) => placesIn(entry, forms, settings.name, read)) };
    }
  } finally {
    connection.close();
  }
}

async function search(
  connection: LdapConnection,
  base: string,
  address: string,
  forms: readonly string[],
): Promise<FoundEntry[]> {
  const steps = connection.search(
    searchRequest({
      base,
      scope: "sub",
      filter: locatingFilter(address, forms),
      attributes: ["objectClass", ...addressAttributes, "proxyAddresses", ...nameAttributes],
      controls: [],
    }),
  );
  const entries: FoundEntry[] = [];
  for (;;) {
    const step = await steps.next();
    if (step.done === true) {
      // A code beside 0 means that there may be more places: what was found is a hint anyway.
      return entries;
    }
    entries.push(...step.value);
    if (entries.length > maxEntries) {
      throw new SourceFault("search", `More than ${maxEntries} entries hold "${address}"`);
    }
  }
}

function placesIn(
  entry: FoundEntry,
  forms: readonly string[],
  source: string,
  read: ReadonlySet<string>,
): EntryPlace[] {
  const [address = ""] = forms;
  const user = foldUser(parseMailbox(address)?.user ?? address);
  const wanted = new Set(forms.map(fold));
  const classes = entry.attributes
    .filter(({ type }) => type.toLowerCase() === "objectclass")
    .flatMap(({ values }) => values);
  const places = entry.attributes
    .filter(({ type }) => type.toLowerCase() !== "objectclass")
    .flatMap(({ type, values }) => values.map((value) => ({ attribute: type, value })))
    .filter(({ value }) => wanted.has(fold(value)) || foldUser(value) === user);
  // An address says more than a name that happens to be the same.
  const exact = places.filter(({ value }) => wanted.has(fold(value)));
  return (exact.length > 0 ? exact : places).map(({ attribute, value }) => ({
    source,
    dn: entry.name,
    attribute,
    value,
    classes,
    read: read.has(attribute.toLowerCase()),
  }));
}

/** A value as addresses are compared, with or without the type of proxyAddresses. */
function fold(value: string): string {
  const text = value.replace(/^smtp:/i, "");
  const mailbox = parseMailbox(text);
  return mailbox === undefined ? foldAscii(text) : normalKey(mailbox.user, mailbox.domain);
}

/** What to do about it, in one sentence. */
export function adviceFor({ source, dn, attribute, classes, read }: EntryPlace): string {
  const where = `attribute "${attribute}" of "${dn}" (source "${source}")`;
  return read
    ? `${where} holds it, but base, filter or an exclusion leaves the entry out (objectClass ${classes.join(", ")})`
    : `${where} holds it: add "${attribute}" to the attributes of that source`;
}
