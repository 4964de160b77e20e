/**
 * The filter that asks a directory for one address: `live_filter`, or the preset's filter with every address attribute
 * in every form in which its values may have the address. Whatever a client wrote stays one value: RFC 4515 3.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { AddressAttribute, Preset } from "../presets/preset.ts";
import { escapeFilterValue, parseFilter } from "../sources/filter.ts";

/** An address that is looked for, and how it may be written in the directory. */
export interface Wanted {
  /** User parts: as it came, then without tag and extension. */
  readonly users: readonly string[];
  /** Its domain, then the others that stand for the same relay domain. */
  readonly domains: readonly string[];
}

/** Forms in one filter; servers have limits of their own. */
const mostTests = 500;

/**
 * Puts an address into `live_filter`. @throws RangeError if the template is not a filter or does not ask for the
 * address
 */
export function fillTemplate(template: string, user: string, domain: string): string {
  const values: Readonly<Record<string, string>> = { "%r": `${user}@${domain}`, "%u": user, "%d": domain };
  const filter = template.replace(/%[rud]/g, (word) => escapeFilterValue(values[word] ?? ""));
  parseFilter(filter);
  if (!/%[ru]/.test(template)) {
    throw new RangeError(`live_filter "${template}" has neither %r (the address) nor %u (the user part)`);
  }
  return filter;
}

/** The filters to ask by, of which any that finds an entry will do. @throws RangeError as {@link fillTemplate} */
export function liveFilter({ live_filter: template }: SourceSettings, preset: Preset, wanted: Wanted): string {
  const tests =
    template === ""
      ? preset.addresses.flatMap((attribute) => testsOf(attribute, wanted))
      : wanted.users.flatMap((user) => wanted.domains.map((domain) => fillTemplate(template, user, domain)));
  const some = `(|${tests.slice(0, mostTests).join("")})`;
  return template === "" ? `(&${preset.filter}${some})` : some;
}

function testsOf({ attribute, form }: AddressAttribute, { users, domains }: Wanted): string[] {
  const test = (value: string): string => `(${attribute}=${escapeFilterValue(value)})`;
  const addresses = users.flatMap((user) => domains.map((domain) => `${user}@${domain}`));
  const names = users.flatMap((user) => [user, ...(/[_.]/.test(user) ? [user.replace(/[_.]/g, " ")] : [])]);
  switch (form) {
    case "address":
    case "invented":
    case "principal":
      return addresses.map(test);
    case "prefixed":
      return addresses.map((address) => test(`smtp:${address}`));
    case "plain":
      return [...addresses.flatMap((address) => [address, `smtp:${address}`]), ...users].map(test);
    case "name":
    case "common-name":
      return [...addresses, ...names].map(test);
    case "hierarchical":
      return [
        ...[...addresses, ...names].map(test),
        // CN=Jan Huber,O=Kontor and CN=Jan Huber/O=Kontor.
        ...names.flatMap((name) => [",", "/"].map((mark) => `(${attribute}=cn=${escapeFilterValue(name)}${mark}*)`)),
      ];
  }
}
