/** The relay domains, and the alias domains that stand for one of them. Compared exactly, in normal form. */
import { normalDomain } from "./address.ts";
import type { Mailbox } from "./address.ts";

/** Answers whose a domain is. */
export interface Domains {
  /** The relay domain that a domain stands for: itself, or an alias's target. Undefined: not a relay domain. */
  canonical(domain: string): string | undefined;
  /** A relay domain, and the alias domains that stand for it. */
  namesOf(domain: string): readonly string[];
  /** The relay domains as configured; `.example` means all below it, not itself. */
  readonly relay: readonly string[];
}

/**
 * Compiles the lists.
 * @param relay names, or `.name` for all subdomains of it (as qmail's rcpthosts)
 * @param aliases alias domain → relay domain
 * @throws RangeError if a name is not a domain, or an alias's target is not a relay domain
 */
export function createDomains(relay: readonly string[], aliases: Readonly<Record<string, string>> = {}): Domains {
  const names = new Set<string>();
  const suffixes: string[] = [];
  for (const name of relay) {
    const dotted = name.startsWith(".");
    const domain = checkedDomain(dotted ? name.slice(1) : name);
    if (dotted) {
      suffixes.push(`.${domain}`);
    } else {
      names.add(domain);
    }
  }
  const own = (domain: string): boolean => names.has(domain) || suffixes.some((suffix) => domain.endsWith(suffix));
  const targets = new Map<string, string>();
  for (const [alias, target] of Object.entries(aliases)) {
    const domain = checkedDomain(target);
    if (!own(domain)) {
      throw new RangeError(`"${target}" is not a relay domain`);
    }
    targets.set(checkedDomain(alias), domain);
  }
  // The domain that was asked about last: whoever looks at a recipient asks about the same one.
  let latest = "";
  let standsFor: string | undefined;
  return {
    relay: [...names, ...suffixes],
    namesOf: (domain) => [domain, ...[...targets].flatMap(([alias, target]) => (target === domain ? [alias] : []))],
    canonical(domain) {
      if (domain !== latest) {
        latest = domain;
        standsFor = targets.get(domain) ?? (own(domain) ? domain : undefined);
      }
      return standsFor;
    },
  };
}

/** The mailbox that was asked about last: all checks ask about the same one, one after another. */
let latest: { readonly mailbox: Mailbox; readonly domains: Domains; readonly all: readonly Mailbox[] } | undefined;

/** An address as it came, and at the relay domain if its own is an alias of one: lists may have either. */
export function spellings(mailbox: Mailbox, domains: Domains): readonly Mailbox[] {
  if (latest?.mailbox !== mailbox || latest.domains !== domains) {
    const domain = domains.canonical(mailbox.domain) ?? mailbox.domain;
    latest = { mailbox, domains, all: domain === mailbox.domain ? [mailbox] : [mailbox, { ...mailbox, domain }] };
  }
  return latest.all;
}

/** The normal form of a domain as the configuration names it: `domain`, `.domain` for all below it, or `*`. */
export function normalPattern(name: string): string | undefined {
  const dot = name.startsWith(".") ? "." : "";
  const domain = name === "*" ? name : normalDomain(name.slice(dot.length));
  return domain === undefined ? undefined : `${dot}${domain}`;
}

/**
 * The relay domain that a name in the configuration stands for; `.domain` only for itself. Undefined: not a relay
 * domain.
 */
export function relayDomain(name: string, domains: Domains): string | undefined {
  const pattern = normalPattern(name) ?? "";
  return pattern.startsWith(".") ? domains.relay.find((relay) => relay === pattern) : domains.canonical(pattern);
}

function checkedDomain(name: string): string {
  const domain = normalDomain(name);
  if (domain === undefined) {
    throw new RangeError(`"${name}" is not a domain name`);
  }
  return domain;
}
