/** What a password back end says of a user and a password. */

/** `unknown` is a back end that has no such user: another one may be asked. */
export type BackEndAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused" }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly why: string };

/** Who wants in, and from where. */
export interface Login {
  readonly user: string;
  readonly password: string;
  readonly ip: string;
}
