/** What a check says. */
import type { Reply } from "../mail/reply.ts";

/** A refusal: the reply is for the client, the reason and the finding are for the record. */
export interface Refusal<Reason extends string = string, Finding extends string = string> {
  readonly kind: "refuse";
  /** A key of the check's `reasons`. */
  readonly reason: Reason;
  readonly reply: Reply;
  /** A key of the check's `findings`. */
  readonly finding?: Finding;
  /** Ends the session. */
  readonly close?: boolean;
  /**
   * Of hook connection: the client is greeted anyway, and has this reply to each command that could lead to a message,
   * for at most so many ms. rblsmtpd's limited conversation.
   */
  readonly limited?: number;
}

/** No opinion, perhaps with a finding for the record. */
export interface Pass<Finding extends string = string> {
  readonly kind: "pass";
  readonly finding?: Finding;
}

/**
 * `pass`: the next check is asked. `next`: the later checks of this hook are skipped. `ok`: as `next`, and the
 * relay-domain verdict too (plugins only). `accept-session`: no check runs any more. `drop`: the connection ends
 * without a reply.
 */
export type Verdict<Reason extends string = string, Finding extends string = string> =
  | Pass<Finding>
  | Refusal<Reason, Finding>
  | { readonly kind: "next" }
  | { readonly kind: "ok" }
  | { readonly kind: "accept-session" }
  | { readonly kind: "drop" };

/** A verdict now, or after I/O. A check that needs no I/O answers synchronously, and nothing awaits it. */
export type Answer<Reason extends string = string, Finding extends string = string> =
  | Verdict<Reason, Finding>
  | Promise<Verdict<Reason, Finding>>;

/** The verdicts without data, made once. */
export const pass: Pass<never> = { kind: "pass" };
export const next = { kind: "next" } as const;
export const ok = { kind: "ok" } as const;
export const acceptSession = { kind: "accept-session" } as const;
export const drop = { kind: "drop" } as const;

/** Passes, with a finding for the record. */
export function found<const Finding extends string>(finding: Finding): Pass<Finding> {
  return { kind: "pass", finding };
}

/** Refuses. @param more a finding; whether the session ends, or continues as a limited conversation */
export function refuse<const Reason extends string, const Finding extends string = never>(
  reason: Reason,
  reply: Reply,
  more: { readonly finding?: Finding; readonly close?: boolean; readonly limited?: number } = {},
): Refusal<Reason, Finding> {
  return { kind: "refuse", reason, reply, ...more };
}
