/**
 * Asks the snapshot whether a recipient exists: the address, then the user part in the domain's sources,
 * then both without the recipient extension, then the names that always exist. Issue "The main job", part 4.
 */
import type { RecipientSettings } from "../config/schema.ts";
import { foldAscii, namesRoute, normalKey, parseMailbox, withoutExtension } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import type { Kind, RecipientRow } from "./format.ts";
import { preferPresent } from "./image.ts";
import type { Image } from "./image.ts";
import type { SnapshotReader } from "./reader.ts";
import { parseRule } from "./rules.ts";
import type { Rule } from "./rules.ts";

/** What the snapshot said. */
export type RecipientAnswer =
  | {
      readonly kind: "known";
      readonly key: string;
      readonly as: Kind | "always";
      readonly source: string;
      readonly entry: string;
      /** Not given: everybody may write to it. */
      readonly restriction?: Restriction;
    }
  | {
      /** Known once, and vanished from the directory. */
      readonly kind: "gone";
      readonly key: string;
      readonly source: string;
      readonly entry: string;
      /** ms since 1970. */
      readonly since: number;
      readonly asOf?: number;
    }
  /** `asOf`: who came since then, in ms since 1970, may be unknown by mistake. */
  | { readonly kind: "unknown"; readonly asOf?: number }
  | { readonly kind: "unavailable"; readonly why: string };
export type { Mailbox };

/** Who may write to a known recipient: nobody now, clients of our own, or those and some senders. See rules.ts. */
export type Restriction =
  | { readonly kind: "later" | "internal" }
  | { readonly kind: "senders"; readonly count: number; accepts(sender: Mailbox | undefined): boolean };

/** What of `[recipients]` a look-up needs. */
export type LookupSettings = Pick<RecipientSettings, "match" | "always" | "recipient_delimiter">;

/**
 * Compiles the settings into the one question of the relay. An address of an alias domain is looked up in the relay
 * domain that it stands for; a bare user part (RCPT TO:<postmaster>) is valid from any source.
 */
export function createRecipients(
  reader: SnapshotReader,
  domains: Domains,
  settings: LookupSettings,
): { readonly find: (mailbox: Mailbox) => RecipientAnswer } {
  const { match, recipient_delimiter: delimiter } = settings;
  const always = compileAlways(settings, domains);
  const search = match === "user-part" ? searchAnywhere : searchDomain;

  function find({ user, domain }: Mailbox): RecipientAnswer {
    const { image } = reader;
    if (image === undefined) {
      const { state } = reader;
      return { kind: "unavailable", why: state.kind === "unavailable" ? state.why : "closed" };
    }
    const canonical = domains.canonical(domain) ?? domain;
    // A user part that names a route is deliverable only as it is listed: "bob+x%elsewhere" is not bob.
    const base = namesRoute(user) ? undefined : withoutExtension(user, delimiter);
    try {
      let row = search(image, user, canonical);
      if (base !== undefined && row?.gone !== 0) {
        row = preferPresent(row, search(image, base, canonical));
      }
      return row?.gone === 0 ? known(image, row) : missing(image, row, user, base, canonical);
    } catch (error) {
      reader.fail(error);
      return { kind: "unavailable", why: "torn" };
    }
  }

  function missing(
    { asOf }: Image,
    row: RecipientRow | undefined,
    user: string,
    base: string | undefined,
    canonical: string,
  ): RecipientAnswer {
    const name = always(user, canonical) ?? (base === undefined ? undefined : always(base, canonical));
    if (name !== undefined) {
      return { kind: "known", key: name, as: "always", source: "", entry: "" };
    }
    return row === undefined
      ? { kind: "unknown", asOf }
      : { kind: "gone", key: row.key, source: row.source, entry: row.entry, since: row.gone, asOf };
  }

  function known(image: Image, { key, kind, source, entry, rule }: RecipientRow): RecipientAnswer {
    const answer = { kind: "known", key, as: kind, source, entry } as const;
    const restriction = rule === "" ? undefined : restrict(parseRule(rule), image);
    return restriction === undefined ? answer : { ...answer, restriction };
  }

  function restrict(rule: Rule | undefined, image: Image): Restriction | undefined {
    if (rule?.kind !== "senders") {
      return rule;
    }
    const accepts = (sender: Mailbox | undefined): boolean =>
      sender !== undefined &&
      rule.keys.has(image.stored(normalKey(sender.user, domains.canonical(sender.domain) ?? sender.domain)));
    return { kind: "senders", count: rule.keys.size, accepts };
  }
  return { find };
}

function searchDomain(image: Image, user: string, domain: string): RecipientRow | undefined {
  const address = domain === "" ? undefined : image.findAddress(normalKey(user, domain));
  return address?.gone === 0 || !isBare(user)
    ? address
    : preferPresent(address, image.findUser(foldAscii(user), domain));
}

function searchAnywhere(image: Image, user: string): RecipientRow | undefined {
  return image.findAnywhere(foldAscii(user));
}

/** The user part of `"bob@elsewhere"@here` looks like a key of another domain, and is none. */
function isBare(user: string): boolean {
  return !user.includes("@");
}

/** The names that exist whatever the directory says; answers the one that a recipient is. */
function compileAlways(
  { always, match }: LookupSettings,
  domains: Domains,
): (user: string, domain: string) => string | undefined {
  const names = new Set<string>();
  for (const text of always) {
    const mailbox = parseMailbox(text);
    if (mailbox === undefined) {
      throw new RangeError(`"${text}" is neither a user part nor an address`);
    }
    const domain = match === "user-part" ? "" : (domains.canonical(mailbox.domain) ?? mailbox.domain);
    names.add(normalKey(mailbox.user, domain));
  }
  return (user, domain) => {
    const keys = isBare(user) ? [normalKey(user, domain), normalKey(user, "")] : [normalKey(user, domain)];
    return keys.find((key) => names.has(key));
  };
}
