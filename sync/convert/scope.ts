/** Which relay domains a source may speak for. */
import { createDomains, relayDomain, type Domains } from "../../src/mail/domains.ts";

export interface Scope {
  /** The relay domain that an address's domain stands for; undefined if the source may not speak for it. */
  canonical(domain: string): string | undefined;
  /** Every spelling of an address of the list: at its relay domain, and at the alias domains that stand for that. */
  spellings(key: string): readonly string[];
  /** As configured, in normal form; empty is every relay domain. */
  readonly domains: readonly string[];
  /** The domains that can be named one by one (not `.example`). */
  readonly exact: readonly string[];
}

/**
 * Compiles `[[source]] domains`.
 * @throws RangeError if one is not a relay domain
 */
export function createScope(names: readonly string[], domains: Domains): Scope {
  const own = names.map((name) => {
    const found = relayDomain(name, domains);
    if (found === undefined) {
      throw new RangeError(`"${name}" is not a relay domain`);
    }
    return found;
  });
  const allowed = own.length === 0 ? domains : createDomains(own);
  return {
    domains: own,
    spellings: (key) => {
      const at = key.lastIndexOf("@") + 1;
      return domains.namesOf(key.slice(at)).map((name) => `${key.slice(0, at)}${name}`);
    },
    exact: allowed.relay.filter((domain) => !domain.startsWith(".")),
    canonical: (domain) => {
      const target = domains.canonical(domain);
      return target === undefined || own.length === 0 ? target : allowed.canonical(target);
    },
  };
}
