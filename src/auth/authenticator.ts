/** What the SMTP side asks of a password back end. RFC 4954. */
import type { Proof } from "./cram-md5.ts";

/** The answer of a back end. `unavailable` and `blocked` (too many failures) are 454 4.7.0: the client may try again. */
export type AuthAnswer =
  | { readonly kind: "accepted"; readonly variables: ReadonlyMap<string, string> }
  | { readonly kind: "refused" }
  | { readonly kind: "blocked" }
  | { readonly kind: "unavailable"; readonly why: string };

/** What a client says of itself: its password, or a proof that it knows it. Never logged. */
export type Claim =
  | { readonly method: "PLAIN" | "LOGIN"; readonly user: string; readonly password: string }
  | ({ readonly method: "CRAM-MD5"; readonly user: string } & Proof);

/** A claim, and the address that it came from. */
export type Credentials = Claim & { readonly ip: string };

/** The methods of AUTH. */
export type Mechanism = Claim["method"];

/** Checks passwords, slows down and limits those who guess. */
export interface Authenticator {
  /** What AUTH offers, in this order. */
  readonly mechanisms: readonly Mechanism[];
  check(credentials: Credentials): Promise<AuthAnswer>;
}
