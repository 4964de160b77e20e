/** What an LDAP result code means for whoever set up the source. RFC 4511 A.2, and Active Directory's own codes in its text. */

/** By result code: what is wrong, and what to do. */
const words: Readonly<Record<number, string>> = {
  1: "the server wants something else first, mostly a bind: set bind_dn",
  7: "the server does not offer this way to bind",
  8: "the server wants TLS for this bind: use ldaps:// or starttls",
  13: "the server wants TLS: use ldaps:// or starttls",
  32: "base is not on this server, or the bind DN may not see it",
  34: "base or bind_dn is not a DN that the server can read",
  48: "the server does not take this bind: an anonymous one, or an account without a password",
  49: "bind_dn or the password is wrong",
  50: "the bind DN has no right to do this",
  51: "the server is busy",
  52: "the server is not available now",
  53: "the server's policy forbids it, often without a bind or without TLS",
};

/** Of the bind: `data 52e` in Active Directory's text. */
const activeDirectoryWords: Readonly<Record<string, string>> = {
  "525": "there is no such user: check bind_dn",
  "52e": "the password is wrong, or bind_dn is not what Active Directory knows the user by",
  "52f": "the account is restricted",
  "530": "the user may not log on at this time",
  "531": "the user may not log on from this machine",
  "532": "the password has expired",
  "533": "the account is disabled",
  "701": "the account has expired",
  "773": "the password must be changed before the first bind",
  "775": "the account is locked, often by too many wrong passwords",
};

/** `result code 49: bind_dn or the password is wrong`, or by Active Directory's code what it is. */
export function resultText(status: number, errorMessage: string): string {
  const data = /\bdata ([0-9a-f]{3})\b/i.exec(errorMessage)?.[1]?.toLowerCase() ?? "";
  const meaning = (status === 49 ? activeDirectoryWords[data] : undefined) ?? words[status];
  return `result code ${status}${meaning === undefined ? "" : `: ${meaning}`}`;
}
