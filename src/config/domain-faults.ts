/**
 * Domains that are given twice, or are not relay domains. Compared in normal form, as everywhere: `Kontor.Example` is
 * kontor.example.
 */
import { normalDomain } from "../mail/address.ts";
import { createDomains, normalPattern, relayDomain } from "../mail/domains.ts";
import type { Domains } from "../mail/domains.ts";
import type { Fault } from "./fault.ts";
import type { Settings } from "./sections.ts";
import type { Path } from "./shape.ts";

/** Errors of `[[route]] domain`, `[domains] aliases` and `[[source]] domains`. */
export function domainFaults(settings: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const routes = settings.route.map(({ domain }) => normalPattern(domain) ?? domain);
  const aliases = Object.keys(settings.domains.aliases);
  const names = aliases.map((alias) => normalDomain(alias) ?? alias);
  return [
    ...routes.flatMap((domain, i) =>
      routes.indexOf(domain) < i
        ? [fault(["route", i, "domain"], `"${settings.route[i]?.domain}" has a route already, above`)]
        : [],
    ),
    ...aliases.flatMap((alias, i) =>
      names.indexOf(names[i] ?? "") < i ? [fault(["domains", "aliases", alias], "is an alias already, above")] : [],
    ),
    ...sourceFaults(settings, fault),
  ];
}

function sourceFaults({ source, domains }: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const own = knownDomains(domains);
  return source.flatMap((each, i) =>
    each.domains.flatMap((name, j) =>
      relayDomain(name, own) !== undefined
        ? []
        : [fault(["source", i, "domains", j], `"${name}" is not a relay domain; allowed: ${domains.relay.join(", ")}`)],
    ),
  );
}

/** The relay domains with the aliases that are right; a wrong one is reported at the alias. */
function knownDomains({ relay, aliases }: Settings["domains"]): Domains {
  const right = Object.entries(aliases).filter(([alias, target]) => {
    try {
      createDomains(relay, { [alias]: target });
      return true;
    } catch {
      return false;
    }
  });
  return createDomains(relay, Object.fromEntries(right));
}
