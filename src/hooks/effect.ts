/** What a check may change of a session. */
import type { Mailbox } from "../mail/address.ts";

/** What a check may change, through `Session.apply`; at once, so that later checks see it. */
export type Effect =
  | { readonly kind: "set"; readonly name: string; readonly value: string }
  | { readonly kind: "unset"; readonly name: string }
  | { readonly kind: "header"; readonly line: string }
  | { readonly kind: "address"; readonly mailbox: Mailbox | undefined }
  | { readonly kind: "print"; readonly line: string }
  | { readonly kind: "refuse-later"; readonly hook: "mail" | "rcpt" | "data"; readonly line: string };
