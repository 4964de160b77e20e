/** What DNS says to a question, as values. Times in ms. */

/** `ttl` is how long the answer may still be used. */
export type DnsAnswer<T> =
  | { readonly kind: "found"; readonly values: readonly T[]; readonly ttl: number }
  /** The name has no record of this type; with `noSuchName` it does not exist at all. */
  | { readonly kind: "absent"; readonly ttl: number; readonly noSuchName?: true }
  /** No server gave an answer. `why` is for the log: a response code or a system error. */
  | { readonly kind: "failed"; readonly why: string };

/** One mail exchanger. The lower preference is tried first; exchange "" is "takes no mail" (RFC 7505). */
export interface MailExchanger {
  readonly preference: number;
  readonly exchange: string;
}

/** Record types that are asked for, with what their records hold. Names are in lower case without the final dot. */
export interface DnsValues {
  readonly A: string;
  readonly AAAA: string;
  readonly MX: MailExchanger;
  readonly PTR: string;
  /** The strings of one record, joined; octets as Latin-1. */
  readonly TXT: string;
}

/** See {@link DnsValues}. */
export type DnsType = keyof DnsValues;
