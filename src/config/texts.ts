/** What texts of the configuration may be: each rule with the words that name it. */
import { normalDomain } from "../mail/address.ts";
import { parseIpEntry } from "../mail/ip-entry.ts";
import { parseEndpoint, parseLive } from "../mail/network.ts";
import type { TextRule } from "./fields.ts";

const isDomain = (text: string): boolean => normalDomain(text.startsWith(".") ? text.slice(1) : text) !== undefined;

/** A relay domain. */
export const domainRule: TextRule = { allowed: 'a domain, or ".domain" for all below it', fits: isDomain };
/** The domain of a route. */
export const routeRule: TextRule = {
  allowed: 'a domain, ".domain" for all below it, or "*"',
  fits: (text) => text === "*" || isDomain(text),
};
/** The own name goes into commands and header fields: nothing but a host name may. */
export const hostNameRule: TextRule = {
  allowed: 'a host name, or "" for the default',
  fits: (text) => text === "" || (normalDomain(text) !== undefined && /^[\x21-\x7e]+$/.test(text)),
};
export const endpointRule: TextRule = {
  allowed: '"host:port", or "" for none',
  fits: (text) => text === "" || parseEndpoint(text) !== undefined,
};
export const pathRule: TextRule = {
  allowed: "the path of a file",
  fits: (text) => text !== "" && !text.includes("\0"),
};
/** Those that name a route (`%`, `!`, `:`, `@`) are never taken off. */
export const delimitersRule: TextRule = {
  allowed: `characters out of #$&'*+-./=?^_\`{|}~, or "" for none`,
  fits: (text) => /^[#$&'*+\-./=?^_`{|}~]*$/.test(text),
};
/** The text of a reply: one line, RFC 5321 4.5.3.1.5. */
export const replyRule: TextRule = {
  allowed: "1 to 400 printable ASCII characters",
  fits: (text) => /^[\x20-\x7e]{1,400}$/.test(text),
};
/** RFC 4512 1.4; underscores are not in it, and in some directories. */
export const schemaNameRule: TextRule = {
  allowed:
    'one name of letters, digits and hyphens, as "mail", without options (";lang-de"), not an OID and not a list',
  fits: (text) => /^[A-Za-z][A-Za-z0-9_-]*$/.test(text),
};
/** Of `[[source]] url`; source-faults.ts says which belongs to which type. */
export const sourceUrlRule: TextRule = {
  allowed:
    '"ldap://host:port", "ldaps://host:port", "ldapi:///path", "postgres://host/database", "mysql://host/database", "https://host", or the path of a file',
  fits: (text) => text !== "" && (!text.includes("://") || /^(?:ldap[si]?|postgres|mysql|https?):\/\//i.test(text)),
};
/** A column of a table has more freedom than an attribute of a schema. */
export const columnRule: TextRule = {
  allowed: "the name of an attribute or column, without line breaks",
  fits: (text) => /^\S(?:[^\x00-\x1f\x7f]*\S)?$/.test(text),
};
/** A daemon on the internal network. */
export const liveRule: TextRule = {
  allowed: '"http://host:port", or "" for none',
  fits: (text) => text === "" || parseLive(text) !== undefined,
};
/** Where a snapshot is fetched from; transfer-faults.ts looks closer. */
export const placeRule: TextRule = {
  allowed: '"https://host/path", "s3://bucket/object", or "" for none',
  fits: (text) => text === "" || /^(?:https?|s3):\/\//.test(text),
};
/** Where a snapshot is pushed to. */
export const targetRule: TextRule = {
  allowed: 'an absolute path, "https://host/path" or "s3://bucket/object"',
  fits: (text) => text.startsWith("/") || (text !== "" && placeRule.fits(text)),
};

/** What a section is known by, in logs and other places. */
export const nameRule: TextRule = {
  allowed: "a name of printable characters",
  fits: (text) => /^\P{C}+$/u.test(text) && text.trim() !== "",
};

/** Who may do something by where it comes from. */
export const networkRule: TextRule = {
  allowed: 'an address or a block, as "192.0.2.10" or "10.0.0.0/8"',
  fits: (text) => parseIpEntry(text)?.kind === "network",
};
