/** The list as records of a DNS zone, for the check dns_user. RFC 1035 5, RFC 4592. */
import { userName } from "../dns/user-names.ts";
import type { UserNameForm } from "../dns/user-names.ts";
import type { Deliverable } from "./deliverable.ts";

/** Longest name in front of the zone's own; RFC 1035 2.3.4 allows 253 octets for both. */
const longestName = 189;
const longestLabel = 63;

/** Lines for `$INCLUDE`: SOA and NS records are the administrator's. */
export interface ZoneRecords {
  readonly lines: readonly string[];
  /** Recipients in them. */
  readonly count: number;
  /** Recipients whose names are too long. */
  readonly left: readonly string[];
}

/** @param list of real domains */
export function zoneRecords(form: UserNameForm, list: Iterable<Deliverable>): ZoneRecords {
  /** Each with its domain. */
  const names = new Map<string, string>();
  const catchalls = new Set<string>();
  const left: string[] = [];
  for (const { kind, user, domain } of list) {
    const name = kind === "catchall" ? undefined : userName(form, user, domain);
    if (name === undefined) {
      catchalls.add(domain);
    } else if (fits(name)) {
      names.set(name, domain);
    } else {
      left.push(`${user}@${domain}`);
    }
  }
  const wildcards = [...catchalls].flatMap((domain) => wildcardsOf(domain, names));
  const lines = [...names.keys(), ...wildcards].map((name) => `${name} A 127.0.0.2`);
  return { lines, count: names.size + catchalls.size, left };
}

function fits(name: string): boolean {
  return name.length <= longestName && name.split(".").every((label) => label.length <= longestLabel);
}

/**
 * A wildcard reaches neither below a name that exists (RFC 4592 3.3.1) nor one that exists only by what is below it
 * (2.2.2): the one needs a wildcard of its own, the other a record, too.
 */
function wildcardsOf(domain: string, names: ReadonlyMap<string, string>): string[] {
  const nodes = new Set([domain]);
  // The wildcard does not cover names of a domain below this one.
  for (const [name] of [...names].filter(([, owner]) => owner === domain)) {
    for (let node = name; node.endsWith(`.${domain}`); node = node.slice(node.indexOf(".") + 1)) {
      nodes.add(node);
    }
  }
  const between = [...nodes].filter((node) => node !== domain && !names.has(node));
  return [...between, ...[...nodes].map((node) => `*.${node}`)];
}
