/** The words of what a person should know of a source whose list is whole: the same from `sync` and from `probe`. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { normalDomain } from "../../src/mail/address.ts";
import type { Unasked } from "./unasked.ts";

/** Limits that servers come with: slapd 500, Active Directory 1000, 389 Directory Server 2000. */
const usualLimits = new Set([500, 1000, 2000, 5000, 10_000]);
/** Attributes that one hint names. */
const mostNames = 3;
/** Object classes that one hint names. */
const mostClasses = 8;
/** Domains that one hint names. */
const mostDomains = 5;

/** What a suspiciously round number of entries means; undefined of any other number. */
export function limitText(entries: number, offersPages: boolean | undefined): string | undefined {
  const pages = offersPages === false ? "; the server does not offer pages" : "";
  return usualLimits.has(entries) ? `exactly ${entries} entries: this looks like a size limit${pages}` : undefined;
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
    case "csv":
      return "no recipients: the CSV has no row below its names of columns";
    case "sql":
      return "no recipients: the query gives no row";
    case "graph":
      return "no recipients: the tenant shows neither users nor groups nor contacts";
    case "google":
      return "no recipients: the customer has neither users nor groups";
    case "scim":
      return "no recipients: nobody was pushed to `goodmailto scim`";
    case "command":
      return "no recipients: the program prints none";
    case "list":
      return "no recipients: the file contains only comments and blank lines";
  }
}

/** Where a server has its entries, as the end of a sentence. */
export function contextsText(namingContexts: readonly string[]): string {
  return namingContexts.length > 0 ? ` (the server has ${namingContexts.join(", ")})` : "";
}

/** An attribute that was asked for and did not come. @param others names that came unasked: the server's own for it */
export function absentText(attribute: string, others: Iterable<string>): string {
  const names = [...others].slice(0, mostNames).map((name) => `"${name}"`);
  const why =
    names.length === 0
      ? "it is not used here, or the bind DN has no right to read it"
      : `the server returns ${names.join(", ")} instead; list that in attributes`;
  return `no entry has the attribute "${attribute}": ${why}`;
}

/** A preset for another product. */
export function guessText(
  guess: SourceSettings["preset"] | undefined,
  preset: SourceSettings["preset"],
): string | undefined {
  return guess === undefined || guess === preset
    ? undefined
    : `the server looks like preset "${guess}", and the source has preset "${preset}"`;
}

/** A password that everybody on the way can read. */
export function clearText(settings: SourceSettings, offersStartTls: boolean | undefined): string | undefined {
  const plain = settings.url.some((url) => /^ldap:/i.test(url)) && !settings.starttls;
  if (settings.type !== "ldap" || !plain || settings.bind_dn === "" || settings.bind_dn === "EXTERNAL") {
    return undefined;
  }
  return (
    `the password of "${settings.bind_dn}" goes over the wire in the clear; use ldaps://` +
    (offersStartTls === true ? " or starttls, which the server offers" : "")
  );
}

/**
 * Domains that are not relay domains, with their values, the most frequent first. @param domains as the source writes
 * them
 */
export function foreignText(domains: ReadonlyMap<string, number>): string {
  const sums = new Map<string, number>();
  for (const [name, count] of domains) {
    const domain = normalDomain(name) ?? name.toLowerCase();
    sums.set(domain, (sums.get(domain) ?? 0) + count);
  }
  const values = [...sums.values()].reduce((sum, count) => sum + count, 0);
  const most = [...sums].toSorted(([, one], [, other]) => other - one).slice(0, mostDomains);
  const list = most.map(([domain, count]) => `${domain} (${count})`).join(", ");
  const more = sums.size > mostDomains ? ` and ${sums.size - mostDomains} more` : "";
  return `${values} addresses are outside the relay domains of this source: ${list}${more}`;
}

/** Entries of object classes that the preset does not ask for; undefined if there are none. */
export function unaskedText(unasked: Unasked | undefined): string | undefined {
  const { entries = 0, classes = new Map<string, number>(), example = "", fault = "" } = unasked ?? {};
  if (entries === 0) {
    return undefined;
  }
  const most = [...classes].toSorted(([, one], [, other]) => other - one).slice(0, mostClasses);
  const list = most.map(([name, count]) => `${name} (${count})`).join(", ");
  const named = list === "" ? "" : `: ${list}`;
  return (
    `${fault === "" ? "" : "at least "}${entries} entries with addresses of the relay domains, such as "${example}", ` +
    `are of object classes that the preset does not ask for${named}. If they take mail, write a filter of your own, ` +
    "or set resource_classes"
  );
}

/** Entries without the attribute by which the preset knows a recipient; undefined if there are none. */
export function unmarkedText(unasked: Unasked | undefined): string | undefined {
  const { unmarked = { entries: 0, example: "", mark: "" }, fault = "" } = unasked ?? {};
  const { entries, example, mark } = unmarked;
  return entries === 0
    ? undefined
    : `${fault === "" ? "" : "at least "}${entries} entries with addresses of the relay domains, such as "${example}", ` +
        `have no ${mark} and are left out. If they take mail, as in a directory without Exchange, set ` +
        `filter = "(|(${mark}=*)(mail=*))"`;
}
