/** Warnings about relay domains and routes without which no mail is relayed, and about `[[domain]]`. */
import { createDomains, normalPattern } from "../mail/domains.ts";
import type { Domains } from "../mail/domains.ts";
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** `relay = []`, and relay domains without a route. */
export function domainWarnings({ domains, route, listener, smtp }: Settings): Warning[] {
  const warnings: Warning[] = [];
  if (domains.relay.length === 0) {
    const message = 'is empty: mail for every domain is refused; write relay = ["your.domain"]';
    warnings.push({ path: ["domains", "relay"], message });
  }
  if (route.length === 0 && (listener.length > 0 || smtp.listen.length > 0)) {
    const message =
      'is missing: accepted mail has no next hop and gets 451; write [[route]] with domain = "*" and next_hop = "smtp://host:port"';
    warnings.push({ path: ["route"], message });
  }
  return warnings;
}

/** A `[[domain]]` that counts for nobody, and catch-alls that no source can give. */
export function ownDomainWarnings(settings: Settings): Warning[] {
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const all = [
    { path: ["recipients", "catch_all"], catch_all: settings.recipients.catch_all },
    ...settings.domain.map(({ catch_all }, i) => ({ path: ["domain", i, "catch_all"], catch_all })),
  ];
  return [
    ...settings.domain.flatMap(({ name }, i) => {
      const message = whyNobody(normalPattern(name) ?? name, domains);
      return message === undefined ? [] : [{ path: ["domain", i, "name"], message }];
    }),
    ...(givesCatchAlls(settings)
      ? []
      : all.filter(({ catch_all: from }) => from === "directory").map(({ path }) => ({ path, message: noDirectory }))),
  ];
}

const noDirectory =
  'has no effect: no [[source]] is a directory (type "ldap" or "ldif"), and only a directory has such catch-all addresses';

/** The relay's own file may have no sources at all. */
function givesCatchAlls({ source }: Settings): boolean {
  return source.length === 0 || source.some(({ type }) => type !== "list" && type !== "cdb");
}

function whyNobody(name: string, { relay, canonical }: Domains): string | undefined {
  if (name.startsWith(".")) {
    const isSome = relay.some((one) => one.endsWith(name) || (one.startsWith(".") && name.endsWith(one)));
    return isSome ? undefined : `"${name}" has no effect: no relay domain is below it`;
  }
  const target = canonical(name);
  if (target === name) {
    return undefined;
  }
  return target === undefined
    ? `"${name}" has no effect: it is not a relay domain; allowed: ${relay.join(", ")}`
    : `"${name}" has no effect: it is an alias of "${target}", whose settings count`;
}
