/**
 * Asks the snapshot whether a recipient exists: the address, then the user part in the domain's sources,
 * then both without the recipient extension, then the names that always exist. Issue "The main job", part 4.
 */
import type { RecipientSettings } from "../config/schema.ts";
import { foldAscii, namesRoute, normalKey, parseMailbox, withoutExtension } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import type { Kind, RecipientRow } from "./format.ts";
import type { Image } from "./image.ts";
import type { SnapshotReader } from "./reader.ts";

/** What the snapshot said. */
export type RecipientAnswer =
  | {
      readonly kind: "known";
      readonly key: string;
      readonly as: Kind | "always";
      readonly source: string;
      readonly entry: string;
    }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly why: string };
export type { Mailbox };

/** What of `[recipients]` a look-up needs. */
export type LookupSettings = Pick<RecipientSettings, "match" | "always" | "recipient_delimiter">;

const unknown: RecipientAnswer = { kind: "unknown" };

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
      const row = search(image, user, canonical) ?? (base === undefined ? undefined : search(image, base, canonical));
      if (row !== undefined) {
        return { kind: "known", key: row.key, as: row.kind, source: row.source, entry: row.entry };
      }
    } catch (error) {
      reader.fail(error);
      return { kind: "unavailable", why: "torn" };
    }
    const name = always(user, canonical) ?? (base === undefined ? undefined : always(base, canonical));
    return name === undefined ? unknown : { kind: "known", key: name, as: "always", source: "", entry: "" };
  }
  return { find };
}

function searchDomain(image: Image, user: string, domain: string): RecipientRow | undefined {
  const address = domain === "" ? undefined : image.findAddress(normalKey(user, domain));
  return address ?? (isBare(user) ? image.findUser(foldAscii(user), domain) : undefined);
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
