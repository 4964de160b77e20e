/** What the SMTP side asks of a password back end. RFC 4954. */

/** The answer of a back end. `unavailable` and `blocked` (too many failures) are 454 4.7.0: the client may try again. */
export type AuthAnswer =
  | { readonly kind: "accepted"; readonly variables: ReadonlyMap<string, string> }
  | { readonly kind: "refused" }
  | { readonly kind: "blocked" }
  | { readonly kind: "unavailable"; readonly why: string };

/** Who asks: never logged with the password. */
export interface Credentials {
  readonly method: "PLAIN" | "LOGIN";
  readonly user: string;
  readonly password: string;
  readonly ip: string;
}

/** Checks passwords, slows down and limits those who guess. */
export interface Authenticator {
  check(credentials: Credentials): Promise<AuthAnswer>;
}
