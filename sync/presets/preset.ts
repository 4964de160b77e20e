/** What a preset says: which objects take mail, and which of their attributes hold addresses in which form. */
import type { PresetName } from "../../src/config/preset-names.ts";
import type { Kind } from "../../src/snapshot/format.ts";

/**
 * How the values of an attribute are written.
 * - `address`: user@domain, nothing else.
 * - `invented`: the same, but the server makes one up if it has none (Domino).
 * - `principal`: the same, but Entra ID makes one up for a guest, from an address elsewhere: `anna_elsewhere.example#EXT#@…`.
 * - `prefixed`: "SMTP:" (primary) or "smtp:" before an address; other protocols are skipped.
 * - `name`: an address, or a name whose blanks may be written `_` or `.`.
 * - `common-name`: a name whose blanks may be written `_` or `.`; Domino also writes `name%DOMAIN@…`.
 * - `hierarchical`: CN=name/O=… or CN=name,O=…, of which the first part is such a name. Any of them may be `@domain`, a
 * catch-all address, which is left out unless the attribute or the domain's `catch_all` says that it is meant so.
 * - `plain`: an address or a bare user part, a "smtp:" before it tolerated; for attributes that only the configuration
 * names.
 */
export type Form =
  | "address"
  | "invented"
  | "principal"
  | "prefixed"
  | "name"
  | "common-name"
  | "hierarchical"
  | "plain";

/** One attribute that holds addresses. */
export interface AddressAttribute {
  /** In lower case. */
  readonly attribute: string;
  readonly form: Form;
  /** What its values are on a person; those of a group or a mail-in database have that object's kind. */
  readonly kind: Kind;
  /** `@domain` is everybody there; not given: it is left out. */
  readonly catchAll?: boolean;
}

/** An object takes no mail while one of the values (in lower case) is in the attribute. */
export interface Exclusion {
  readonly attribute: string;
  readonly values: readonly string[];
  /** Counted as. */
  readonly why: string;
}

/**
 * What says who may write to an object.
 * - `later`, `internal`: while one of the values (in lower case) is in the attribute.
 * - `senders`: the attribute names them: by `address` ("mailto:" tolerated), by `dn`, or as groups whose `members` they
 *   are; those are not known here, and leave the object open.
 */
export type RuleAttribute =
  | { readonly attribute: string; readonly kind: "later" | "internal"; readonly values: readonly string[] }
  | { readonly attribute: string; readonly kind: "senders"; readonly form: "address" | "dn" | "members" };

/** The attribute by whose values changes are found: a time, OpenLDAP's change number, or Active Directory's. */
export type ChangeAttribute = "modifyTimestamp" | "entryCSN" | "uSNChanged";

/** A row of the table in docs/directories.md. */
export interface About {
  readonly product: string;
  /** Which objects take mail. */
  readonly objects: string;
  /** From which attributes. */
  readonly addresses: string;
  /** What of them is left out. */
  readonly leftOut?: string;
  /** By what changes are found where it is no attribute. */
  readonly changes?: string;
}

/** By what a product is recognised; one of them is enough. All in lower case but the pattern. */
export interface Signs {
  /** Object classes that no other product's entries have. */
  readonly classes?: readonly string[];
  /** Values of objectClass, structuralObjectClass or supportedCapabilities in the root DSE. */
  readonly marks?: readonly string[];
  /** In vendorName or vendorVersion of the root DSE. */
  readonly vendor?: RegExp;
}

/** For which types of sources a preset is; `tree`: ldap, ldif, and command with LDIF. */
export type Shape = "tree" | "csv" | "sql" | "graph" | "google" | "scim";

/** The text of a query, or what makes it for the domains of a source. */
export type Query = string | ((domains: readonly string[]) => string);

/** A small table; the configuration may override filter and attributes. */
export interface Preset {
  /** As in the configuration, and the name of its file. */
  readonly name: PresetName;
  readonly about: About;
  readonly shape: Shape;
  /** The query that gives its rows: columns `address` and `kind`. Undefined of a tree and of a file. */
  readonly query: Query | undefined;
  /** How `probe` and the hints at an empty source recognise the product; undefined: only a person can name it. */
  readonly signs: Signs | undefined;
  /** RFC 4515. No leading wildcard: Domino strips it. */
  readonly filter: string;
  /** The server gives more cheaply what has an address than what is of the filter's classes: see by-address.ts. */
  readonly byAddress: boolean;
  readonly addresses: readonly AddressAttribute[];
  /** The attribute that says what an object is, in lower case. */
  readonly classAttribute: string;
  /** Its value in lower case → what such objects are; anything else is an account. */
  readonly classes: Readonly<Record<string, Kind>>;
  readonly exclusions: readonly Exclusion[];
  readonly rules: readonly RuleAttribute[];
  /** Undefined: the server has no reliable one. */
  readonly changes: ChangeAttribute | undefined;
  /** The user part, in lower case, that stands for every unknown user of its domain; undefined: there is no such word. */
  readonly catchAllUser: string | undefined;
  /** OIDs of controls without a value that go with every search, never critical. */
  readonly controls: readonly string[];
}

/** A preset from what it has to say. */
export function definePreset(
  preset: Pick<Preset, "name" | "about" | "filter" | "addresses"> & Partial<Preset>,
): Preset {
  return {
    shape: "tree",
    query: undefined,
    signs: undefined,
    byAddress: false,
    classAttribute: "objectclass",
    classes: {},
    exclusions: [],
    rules: [],
    changes: undefined,
    catchAllUser: undefined,
    controls: [],
    ...preset,
  };
}

/** What a row is, by the word in its column `kind`; anything else is an account. */
const rowKinds: Readonly<Record<string, Kind>> = {
  alias: "alias",
  group: "group",
  mailin: "mailin",
  resource: "resource",
};

/** How rows with the columns `address` and `kind` are read: an address, a user part, or @domain for everybody there. */
export const rowForm = {
  filter: "",
  addresses: [{ attribute: "address", form: "plain", kind: "account", catchAll: true }],
  classAttribute: "kind",
  classes: rowKinds,
} as const satisfies Partial<Preset>;

/** A preset for a database, from its query. */
export function defineQuery(preset: Pick<Preset, "name" | "about"> & { readonly query: Query }): Preset {
  return definePreset({ ...rowForm, shape: "sql", ...preset });
}
