/** What a check may change of a session, through `CheckSession.apply`; at once, so that later checks see it. */
import type { Mailbox } from "../mail/address.ts";

/** Where the whole message goes, in place of its recipients. */
export interface Redirection {
  readonly mailboxes: readonly [Mailbox, ...Mailbox[]];
  /** A header line for this message, without its line ending. */
  readonly header: string;
}

/**
 * `address` changes the sender at MAIL and the recipient at RCPT; `tell-plugins` a variable as only plugins see it.
 * `whitelist` may turn off every later check of stage policy. `expand`, at RCPT, gives the next hop these addresses in
 * place of the recipient: each must be one that the client may send to, and all must be accepted there.
 * `options`, at RCPT, are what the administrator wants for this recipient: a note, and variables SMTPRCPTOPT_name.
 * `each`, up to DATA, makes checks of content that can note their results for each recipient, and not refuse themselves.
 * `redirect`, up to DATA, sends the whole message to other recipients than the accepted ones, under the same rule.
 */
export type Effect =
  | { readonly kind: "set"; readonly name: string; readonly value: string }
  | { readonly kind: "unset"; readonly name: string }
  | { readonly kind: "tell-plugins"; readonly name: string; readonly value: string | undefined }
  | { readonly kind: "header"; readonly line: string }
  | { readonly kind: "address"; readonly mailbox: Mailbox | undefined; readonly evenObserved?: true }
  | { readonly kind: "expand"; readonly mailboxes: readonly [Mailbox, ...Mailbox[]] }
  | { readonly kind: "options"; readonly options: ReadonlyMap<string, string> }
  | { readonly kind: "each" }
  | ({ readonly kind: "redirect" } & Redirection)
  | { readonly kind: "print"; readonly line: string }
  | { readonly kind: "whitelist"; readonly owner: "session" | "transaction"; readonly policyOff?: boolean }
  | { readonly kind: "refuse-later"; readonly hook: "mail" | "rcpt" | "data"; readonly line: string };

/**
 * Whether an effect stands for a verdict: of a check in mode observe it does not take place. Plugins change addresses
 * anyway.
 */
export function isDecision(effect: Effect): boolean {
  return (
    ["whitelist", "expand", "options", "each", "redirect"].includes(effect.kind) ||
    (effect.kind === "address" && effect.evenObserved !== true)
  );
}
