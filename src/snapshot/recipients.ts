/**
 * Asks the snapshot whether a recipient exists: the address, then the user part in the domain's sources,
 * then both without the recipient extension, then the names that always exist. Issue "The main job", part 4.
 */
import type { Mailbox } from "../mail/address.ts";
import type { Kind } from "./format.ts";

/** What the snapshot said. */
export type RecipientAnswer =
  | { readonly kind: "known"; readonly key: string; readonly as: Kind | "always"; readonly source: string; readonly entry: string }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly why: string };
export type { Mailbox };
