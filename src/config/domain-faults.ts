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

/** Errors of `[[route]] domain`, `[[domain]] name`, `[domains] aliases` and `[[source]] domains`. */
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
    ...ownFaults(settings, fault),
    ...sourceFaults(settings, fault),
  ];
}

/** A name that has a `[[domain]]` already, and a match that a hashed list cannot have. */
function ownFaults(settings: Settings, fault: (path: Path, message: string) => Fault): Fault[] {
  const { domain } = settings;
  if (domain.length === 0) {
    return [];
  }
  const { recipients, snapshot } = settings;
  const names = domain.map(({ name }) => normalPattern(name) ?? name);
  return domain.flatMap(({ name, match = recipients.match }, i) => [
    ...(names.indexOf(names[i] ?? "") < i
      ? [fault(["domain", i, "name"], `"${name}" has a [[domain]] already, above`)]
      : []),
    ...(match !== recipients.match && snapshot.key_file !== ""
      ? [
          fault(
            ["domain", i, "match"],
            `must be that of [recipients], "${recipients.match}": with [snapshot] key_file the list has one for all domains`,
          ),
        ]
      : []),
  ]);
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
