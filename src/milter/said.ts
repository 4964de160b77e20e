/** What a milter has to say to a command or a message, for whoever makes a verdict of it. */
import type { MilterAnswer } from "./answer.ts";
import type { SmallChange } from "./gathered.ts";

/** An answer that is against the client. */
export type Against = Extract<MilterAnswer, { kind: "reject" | "defer" | "discard" | "fail" | "reply" }>;

/** What the milter has to say; `unavailable`: nothing that can be used. */
export type Said =
  | { readonly kind: "nothing" }
  | { readonly kind: "against"; readonly answer: Against }
  | { readonly kind: "unavailable" };

/** The same of a message, which it may let pass with changes. */
export type SaidOfMessage = Said | { readonly kind: "changes"; readonly changes: readonly SmallChange[] };

export const nothing: Said = { kind: "nothing" };
export const unavailable: Said = { kind: "unavailable" };
