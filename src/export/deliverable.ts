/**
 * Every address that the relay accepts, one by one: what a list for another program must hold. Addresses in grace are
 * in it: the relay would answer 450, and what is not in a list bounces for good. So are the wildcards of the list, and
 * what it refuses in spite of them.
 */
import { normalDomain, normalKey, parseMailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import type { Kind } from "../snapshot/format.ts";
import type { Image } from "../snapshot/image.ts";
import type { LookupSettings } from "../snapshot/recipients.ts";

/** One recipient. */
export interface Deliverable {
  /** In lower case, without quotes and escapes. */
  readonly user: string;
  /** A relay domain, or an alias domain; "*": every one of them. */
  readonly domain: string;
  /** extension: the user part ends in "-default"; catchall: it is empty. */
  readonly kind: Kind | "always" | "refused";
}

/** What is in `[domains]`. */
export interface DomainLists {
  readonly relay: readonly string[];
  readonly aliases: Readonly<Record<string, string>>;
}

/** The relay domains as a list that another program can hold. */
export interface DomainNames {
  /** Every domain that can be named: relay domains and alias domains. */
  readonly all: readonly string[];
  /** Relay domains that can be named. */
  readonly relay: readonly string[];
  /** Relay domains that stand for all below them (`.example`): those cannot be listed. */
  readonly suffixes: readonly string[];
  /** A relay domain with the alias domains that stand for it; none if it is not a relay domain. */
  namesOf(domain: string): readonly string[];
  /** The relay domain that a domain stands for; itself if it is not a relay domain. */
  canonical(domain: string): string;
}

/** Compiles `[domains]`. @throws RangeError as createDomains does */
export function nameDomains({ relay, aliases }: DomainLists): DomainNames {
  const domains = createDomains(relay, aliases);
  const exact = domains.relay.filter((name) => !name.startsWith(".") && domains.canonical(name) === name);
  const names = new Map(exact.map((name) => [name, [name]]));
  for (const alias of Object.keys(aliases)) {
    const name = normalDomain(alias) ?? "";
    const target = domains.canonical(name) ?? "";
    if (name !== target) {
      names.set(target, [...(names.get(target) ?? [target]), name]);
    }
  }
  return {
    relay: exact,
    all: [...names.values()].flat(),
    suffixes: domains.relay.filter((name) => name.startsWith(".")),
    namesOf: (domain) =>
      names.get(domain) ?? (domain.startsWith(".") || domains.canonical(domain) === domain ? [domain] : []),
    canonical: (domain) => domains.canonical(domain) ?? domain,
  };
}

/**
 * Lists them in key order, each once, those that always exist at the end.
 * @param goneAfter who vanished later is in grace, ms since 1970
 * @throws Error if the snapshot is hashed: it cannot be listed
 */
export function* listDeliverable(
  image: Image,
  names: DomainNames,
  settings: LookupSettings,
  goneAfter: number,
): Generator<Deliverable> {
  const seen = new Set<string>();
  const anywhere = settings.match === "user-part";
  for (const { user, domain, kind } of each(image, names, settings, goneAfter)) {
    const isEverywhere = domain === "*" || (anywhere && user !== "" && kind !== "extension" && kind !== "refused");
    const where = isEverywhere ? ["*"] : names.namesOf(domain);
    for (const name of where) {
      const key = `${user}@${name}`;
      if (!seen.has(key) && (name === "*" || !seen.has(`${user}@*`))) {
        seen.add(key);
        yield { user, domain: name, kind };
      }
    }
  }
}

/** With relay domains only, as the snapshot has them. */
function* each(image: Image, names: DomainNames, settings: LookupSettings, goneAfter: number): Generator<Deliverable> {
  const scopes = new Map<string, readonly string[]>();
  for (const { key, kind, domains, refused } of image.list(goneAfter, settings.catch_all === "directory")) {
    if (kind === "catchall" && settings.catch_all === "off") {
      continue;
    }
    const at = key.lastIndexOf("@");
    if (at >= 0) {
      yield { user: key.slice(0, at), domain: key.slice(at + 1), kind: refused === 1 ? "refused" : kind };
    } else {
      const scope = scopes.get(domains) ?? scopeOf(domains, names);
      scopes.set(domains, scope);
      yield* scope.map((domain) => ({ user: key, domain, kind }));
    }
  }
  for (const text of settings.always) {
    const mailbox = parseMailbox(text);
    if (mailbox !== undefined) {
      const user = normalKey(mailbox.user, "");
      yield { user, domain: mailbox.domain === "" ? "*" : names.canonical(mailbox.domain), kind: "always" };
    }
  }
}

/** The relay domains in which the bare user parts of a source are valid; a name with a dot in front is one of them. */
function scopeOf(domains: string, names: DomainNames): readonly string[] {
  const wanted = domains.split(" ").filter((name) => name !== "");
  return wanted.length === 0 ? ["*"] : wanted.flatMap((name) => (name.startsWith(".") ? below(name, names) : [name]));
}

function below(suffix: string, names: DomainNames): readonly string[] {
  return [suffix, ...names.relay.filter((name) => name.endsWith(suffix))];
}
