/**
 * The contract of a check: what it is asked, what it may answer, what it may change. Built-in checks and
 * external programs (src/spp) share it. DESIGN.md "Checks and verdicts".
 */
import type { ZodObject, ZodRawShape, infer as Infer } from "zod";

import type { Reply } from "../mail/reply.ts";
import type { Services } from "./services.ts";
import type { Session } from "./session.ts";

/** The moments at which checks are asked, in the order of a session. `data` is before 354, `message` before the answer to the final dot. */
export const hookNames = ["connection", "helo", "mail", "rcpt", "data", "auth", "message"] as const;
export type HookName = (typeof hookNames)[number];

/** Why something was refused: for the log and the metrics, a closed list. */
export const reasons = [
  "unknown recipient",
  "unknown recipient, old list",
  "vanished recipient",
  "suspended recipient",
  "internal recipient",
  "sender not accepted",
  "relaying denied",
  "route in user part",
  "bad sender",
  "authentication required",
  "listed client",
  "bad recipient",
  "plugin",
  "plugin failure",
  "queued by plugin",
  "loop",
] as const;
export type Reason = (typeof reasons)[number];

/** What a check says. */
export type Verdict =
  | { readonly kind: "pass"; readonly note?: string }
  | { readonly kind: "next" }
  | { readonly kind: "ok" }
  | { readonly kind: "accept-session" }
  | {
      readonly kind: "refuse";
      readonly reply: Reply;
      readonly reason: Reason;
      readonly close?: boolean;
      /** What the log line of a recipient says instead of "refused (reason)". */
      readonly note?: string;
    }
  | { readonly kind: "drop" };

/** A verdict now, or after I/O. What needs no I/O is answered synchronously: the way to the reply stays cheap. */
export type Answer = Verdict | Promise<Verdict>;

/** A message whose content is known and not yet answered. */
export interface MessageFacts {
  /** Bytes as received, without the final dot. */
  readonly bytes: number;
  /** The header section as received, at most 256 KiB of it. */
  readonly header: string;
}

/** A check at work: one function a hook it wants. The session holds the command's facts (sender, recipient …). */
export interface CheckRun {
  connection?(session: Session): Answer;
  helo?(session: Session): Answer;
  mail?(session: Session): Answer;
  rcpt?(session: Session): Answer;
  data?(session: Session): Answer;
  auth?(session: Session): Answer;
  message?(session: Session, message: MessageFacts): Answer;
}

/**
 * When a check runs within a hook, whatever the configured order:
 * `note` before everything, also before other verdicts, and its verdict at RCPT does not count;
 * `sender` at MAIL after the others have passed it, and at RCPT before them: the bad-sender verdict;
 * `policy` in configured order; `recipient` after the relay-domain verdict.
 */
export type Stage = "note" | "sender" | "policy" | "recipient";

/** A check as it stands in the registry. Its name is file name, config word, log word, metric label and test name. */
export interface CheckDefinition<Shape extends ZodRawShape = ZodRawShape> {
  readonly name: string;
  readonly doc: string;
  readonly stage: Stage;
  readonly hooks: readonly HookName[];
  /** The section of its settings where that is not `[checks.NAME]`. */
  readonly section?: string;
  /** Keys of `[checks.NAME]` besides `mode`. */
  readonly settings: ZodObject<Shape>;
  create(settings: Infer<ZodObject<Shape>>, services: Services): CheckRun;
}

/** Types `create` from `settings` and then forgets the shape, so that all checks fit one table. */
export function defineCheck<Shape extends ZodRawShape>(check: CheckDefinition<Shape>): CheckDefinition {
  return check as unknown as CheckDefinition;
}

/** The verdicts without data, made once. */
export const pass: Verdict = { kind: "pass" };
export const next: Verdict = { kind: "next" };
export const ok: Verdict = { kind: "ok" };
export const acceptSession: Verdict = { kind: "accept-session" };
export const drop: Verdict = { kind: "drop" };
