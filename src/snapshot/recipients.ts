/**
 * Asks the snapshot whether a recipient exists: the address, then the user part in the domain's sources, then both
 * without the tag of a signed return path and without the recipient extension, then the names that always exist, then
 * the wildcards of the list. A row that refuses the address ends the search, but for the names that always exist.
 */
import type { OwnDomain } from "../config/own-domains.ts";
import type { RecipientSettings } from "../config/schema.ts";
import { namesRoute, normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Domains } from "../mail/domains.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import { createRouteTable } from "../mail/route-table.ts";
import { isRewrittenSender, withoutTag } from "../mail/return-path.ts";
import { catchAllKey, extensionUsers } from "../mail/wildcards.ts";
import { compileAlways } from "./always.ts";
import { createDelimiters, otherForms } from "./forms.ts";
import { refused } from "./format.ts";
import type { Kind, RecipientRow } from "./format.ts";
import { preferPresent } from "./image.ts";
import type { Image } from "./image.ts";
import type { SnapshotReader } from "./reader.ts";
import { parseRule } from "./rules.ts";
import type { Rule } from "./rules.ts";
import { searchAnywhere, searchDomain } from "./search.ts";

/** What the snapshot said. */
export type RecipientAnswer =
  | {
      readonly kind: "known";
      readonly key: string;
      readonly as: Kind | "always" | "return path";
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
  /** `asOf`: addresses added since then, in ms since 1970, may be unknown by mistake. `by`: the row that refuses it. */
  | { readonly kind: "unknown"; readonly asOf?: number; readonly by?: RecipientRow }
  | { readonly kind: "unavailable"; readonly why: string };
export type { Mailbox };

/**
 * Who may write to a known recipient: nobody now, internal clients, or those and some senders (rules.ts); to
 * a rewritten sender (SRS) the null sender alone, for anybody else it does not exist.
 */
export type Restriction =
  | { readonly kind: "later" | "internal" | "bounces" }
  | { readonly kind: "senders"; readonly count: number; accepts(sender: Mailbox | undefined): boolean };

/** What of a reader it asks. */
export type Asked = Pick<SnapshotReader, "image" | "state" | "fail" | "waiting">;

/** What of `[recipients]` a lookup needs. Signed return paths are looked up unless that is switched off. */
export type LookupSettings = Pick<RecipientSettings, "match" | "always" | "recipient_delimiter"> &
  Partial<Pick<RecipientSettings, "signed_return_paths" | "reply" | "catch_all">>;

/** What the relay knows of recipients. */
export interface Recipients {
  /** Asks the snapshot about a recipient of a relay domain. */
  find(mailbox: Mailbox): RecipientAnswer;
  /** Whether it exists whatever any list says: `[recipients] always`. */
  isAlways(mailbox: Mailbox): boolean;
  /** The reply to an unknown one: its text is a setting. */
  unknown(mailbox: Mailbox): Reply;
  /**
   * What `[[domain]]` says of its domain; undefined: `[recipients]` counts. Not given: there is no `[[domain]]`.
   */
  readonly ownDomain?: ((mailbox: Mailbox) => OwnDomain | undefined) | undefined;
}

/**
 * Compiles the settings into the one question of the relay.
 * @param own each `[[domain]]`
 */
export function createRecipients(
  reader: Asked,
  domains: Domains,
  settings: LookupSettings,
  own: readonly OwnDomain[] = [],
): Recipients {
  const delimitersOf = createDelimiters(settings, own);
  const listedBy = (one: LookupSettings): ListedRecipients => new ListedRecipients(reader, domains, one, delimitersOf);
  const listed = listedBy(settings);
  if (own.length === 0) {
    const { unknown } = listed;
    return { find: (one) => listed.find(one), isAlways: (one) => listed.isAlways(one), unknown: () => unknown };
  }
  const entries = own.map((one) => ({ domain: one.name, route: { own: one, listed: listedBy(one) } }));
  const find = createRouteTable(entries);
  const entryOf = ({ domain }: Mailbox) => find(domains.canonical(domain) ?? domain);
  const listedOf = (mailbox: Mailbox): ListedRecipients => entryOf(mailbox)?.listed ?? listed;
  return {
    find: (mailbox) => listedOf(mailbox).find(mailbox),
    isAlways: (mailbox) => listedOf(mailbox).isAlways(mailbox),
    unknown: (mailbox) => listedOf(mailbox).unknown,
    ownDomain: (mailbox) => entryOf(mailbox)?.own,
  };
}

/**
 * An address of an alias domain is looked up in the relay domain that it stands for; a bare user part
 * (RCPT TO:<postmaster>) is valid from any source.
 */
class ListedRecipients {
  readonly unknown: Reply;
  readonly #reader: Asked;
  readonly #domains: Domains;
  readonly #delimiters: string;
  /** Of other domains, whose senders may write to a recipient. */
  readonly #delimitersOf: (domain: string) => string;
  readonly #signed: boolean;
  readonly #catchAll: RecipientSettings["catch_all"];
  readonly #always: (user: string, domain: string) => string | undefined;
  readonly #search: (image: Image, user: string, domain: string) => RecipientRow | undefined;

  constructor(reader: Asked, domains: Domains, settings: LookupSettings, delimitersOf: (domain: string) => string) {
    this.unknown = reply(550, "5.1.1", settings.reply ?? "No such user here");
    this.#reader = reader;
    this.#domains = domains;
    this.#delimiters = settings.recipient_delimiter;
    this.#delimitersOf = delimitersOf;
    this.#signed = settings.signed_return_paths ?? true;
    this.#catchAll = settings.catch_all ?? "list";
    this.#always = compileAlways(settings, domains);
    this.#search = settings.match === "user-part" ? searchAnywhere : searchDomain;
  }

  find({ user, domain }: Mailbox): RecipientAnswer {
    const { image } = this.#reader;
    if (image === undefined) {
      const { state } = this.#reader;
      return { kind: "unavailable", why: state.kind === "unavailable" ? state.why : "closed" };
    }
    try {
      const name = this.#domains.canonical(domain) ?? domain;
      const found = this.#findIn(image, user, name);
      const { waiting } = this.#reader;
      // A list that waits refuses nobody yet; whom it has in addition is accepted at once.
      const fresh = waiting === undefined || found.kind === "known" ? found : this.#findIn(waiting, user, name);
      return fresh.kind === "known" ? fresh : found;
    } catch (error) {
      this.#reader.fail(error);
      return { kind: "unavailable", why: "torn" };
    }
  }

  #findIn(image: Image, user: string, domain: string): RecipientAnswer {
    let row = this.#search(image, user, domain);
    if (row?.gone === 0) {
      return this.#known(image, row);
    }
    const refusal = image.hasWildcards ? image.findRefusal(normalKey(user, domain)) : undefined;
    const others = refusal === undefined ? this.#otherForms(user) : [];
    for (const other of others) {
      row = preferPresent(row, this.#search(image, other, domain));
      if (row?.gone === 0) {
        return this.#known(image, row);
      }
    }
    const name = this.#alwaysName(user, others, domain);
    if (name !== undefined) {
      return { kind: "known", key: name, as: "always", source: "", entry: "" };
    }
    const wildcard = refusal ?? (image.hasWildcards ? this.#findWildcard(image, user, domain) : undefined);
    if (wildcard?.gone === 0) {
      return this.#known(image, wildcard);
    }
    if (wildcard?.rule === refused.rule) {
      return { kind: "unknown", by: wildcard };
    }
    row ??= wildcard;
    return this.#signed && this.#takesBounces(user, domain) ? returnPath(user, domain) : missing(image, row);
  }

  isAlways({ user, domain }: Mailbox): boolean {
    return this.#alwaysName(user, this.#otherForms(user), this.#domains.canonical(domain) ?? domain) !== undefined;
  }

  #otherForms(user: string): readonly string[] {
    return otherForms(user, this.#delimiters, this.#signed);
  }

  #alwaysName(user: string, others: readonly string[], domain: string): string | undefined {
    let name = this.#always(user, domain);
    for (const form of others) {
      name ??= this.#always(form, domain);
    }
    return name;
  }

  /** The first wildcard that stands for an address, or refuses it; else one that vanished. A route is behind none. */
  #findWildcard(image: Image, user: string, domain: string): RecipientRow | undefined {
    if (domain === "" || namesRoute(user)) {
      return undefined;
    }
    const inner = (this.#signed ? withoutTag(user) : undefined) ?? user;
    const keys = extensionUsers(inner).map((one) => normalKey(one, domain));
    const all = this.#catchAll === "off" ? keys : [...keys, catchAllKey(domain)];
    let vanished: RecipientRow | undefined;
    for (const key of all) {
      const row = image.findWildcard(key, this.#catchAll === "directory");
      if (row?.gone === 0 || row?.rule === refused.rule) {
        return row;
      }
      vanished ??= row;
    }
    return vanished;
  }

  /** At a relay domain, and not one that hides a route. */
  #takesBounces(user: string, domain: string): boolean {
    return isRewrittenSender(user) && !namesRoute(user) && this.#domains.canonical(domain) !== undefined;
  }

  #known(image: Image, { key, kind, source, entry, rule }: RecipientRow): RecipientAnswer {
    const answer = { kind: "known", key, as: kind, source, entry } as const;
    const restriction = rule === "" ? undefined : this.#restrict(parseRule(rule), image);
    return restriction === undefined ? answer : { ...answer, restriction };
  }

  #restrict(rule: Rule | undefined, image: Image): Restriction | undefined {
    if (rule?.kind !== "senders") {
      return rule;
    }
    const accepts = (sender: Mailbox | undefined): boolean => {
      const domain = this.#domains.canonical(sender?.domain ?? "") ?? sender?.domain ?? "";
      const users =
        sender === undefined ? [] : [sender.user, ...otherForms(sender.user, this.#delimitersOf(domain), this.#signed)];
      return users.some((user) => rule.keys.has(image.stored(normalKey(user, domain))));
    };
    return { kind: "senders", count: rule.keys.size, accepts };
  }
}

function missing({ asOf }: Image, row: RecipientRow | undefined): RecipientAnswer {
  return row === undefined
    ? { kind: "unknown", asOf }
    : { kind: "gone", key: row.key, source: row.source, entry: row.entry, since: row.gone, asOf };
}

/** A sender rewritten by another server: only that server knows the original. */
function returnPath(user: string, domain: string): RecipientAnswer {
  const key = normalKey(user, domain);
  return { kind: "known", key, as: "return path", source: "", entry: "", restriction: { kind: "bounces" } };
}
