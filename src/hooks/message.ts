/**
 * A message as checks see it, by what they need of it. The most demanding check of the transaction decides how it
 * is taken in: `header` streams, `tap` streams and listens, `edit` holds the header section, `whole` holds all.
 */
import type { Mailbox } from "../mail/address.ts";
import type { HeaderFields } from "../message/header.ts";
import type { MimeTree } from "../message/mime.ts";
import type { CheckSession } from "./check-session.ts";
import type { Effect } from "./effect.ts";
import type { Answer } from "./verdict.ts";

export const needs = ["header", "tap", "edit", "whole"] as const;
export type Need = (typeof needs)[number];

/** The more demanding of two needs. */
export function stronger(one: Need, other: Need): Need {
  return needs.indexOf(one) < needs.indexOf(other) ? other : one;
}

/** An effect that still has one once the message is on its way. */
export type MessageEffect = Extract<Effect, { kind: "set" | "unset" | "tell-plugins" | "whitelist" }>;

/** The session at the hooks of a message: header lines and addresses are changed through the message there. */
export type MessageSession = Omit<CheckSession, "apply"> & { apply(effect: MessageEffect): void };

/** What is known at the empty line. */
export interface HeaderView {
  /** The header section as received, without dot-stuffing, one character per octet, at most 256 KiB of it. */
  readonly header: string;
  /** The same as fields, parsed once for all checks. */
  readonly fields: HeaderFields;
  /** Bytes as received so far; at hook `message` all of them, without the final dot. */
  readonly bytes: number;
  /** Aborts when an answer would come too late, or the client is gone. A check then has one second to give its verdict. */
  readonly signal: AbortSignal;
}

/** What is known of the body besides. */
export interface BodyView extends HeaderView {
  /**
   * The MIME parts as received, read once for all checks. A tap asks before it returns from `tap`, and awaits the
   * answer in `end`; rejects if the message does not become complete.
   */
  parts(): Promise<MimeTree>;
}

/**
 * What a check with the need `edit` or `whole` may change at hook `header`. Fields that the relay itself puts in front
 * do not count. All changes of a check are carried out together when it has answered, and not at all if it fails or is
 * in mode observe. They throw RangeError where they would not be header fields.
 */
export interface HeaderEdits {
  /** Puts a field in front of the field at this place; 0 is the top. @param line without its line ending; it may be folded */
  insertHeader(index: number, line: string): void;
  /** Replaces the nth field of this name (from 1); without such a field it is added at the end. */
  changeHeader(name: string, nth: number, value: string): void;
  /** Takes the nth field of this name away (from 1); 0 takes all. */
  deleteHeader(name: string, nth: number): void;
  /** Takes all fields of this name away that came with the message: what other checks added stays. */
  deleteReceivedHeader(name: string): void;
}

/** What a check with the need `whole` may change at hook `message`. */
export interface WholeEdits extends HeaderEdits {
  /** As {@link insertHeader}, but what the relay puts in front counts as one field: 0 is above its Received. */
  insertAround(index: number, line: string): void;
  /** The message with the changes of the checks before this one, without dot-stuffing, in pieces. */
  content(): AsyncIterable<Buffer>;
  /** The message as received, without the changes of any check, without dot-stuffing, in pieces. */
  received(): AsyncIterable<Buffer>;
  /** Resolves when the new body is stored; only then may it be answered. Line endings become CRLF. */
  replaceBody(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void>;
  /** At most 1 MiB. Line endings become CRLF. */
  appendBody(text: Buffer): void;
  /** The accepted recipients with the changes of the checks before this one. */
  readonly recipients: readonly Mailbox[];
  /** Throws RangeError where the client may not send to it. */
  addRecipient(mailbox: Mailbox): void;
  removeRecipient(mailbox: Mailbox): void;
  /** @param sender undefined is the null sender */
  changeSender(sender: Mailbox | undefined): void;
}

/** What a check of this need is given at hook `header`; what it may not do does not compile. */
export type HeaderFor<N extends Need> = N extends "edit" | "whole" ? HeaderView & HeaderEdits : HeaderView;

/** What a check of this need is given at hook `message`: an edited header section is on its way by then. */
export type MessageFor<N extends Need> = N extends "whole" ? BodyView & WholeEdits : HeaderView;

/** Listens to a message on its way. Content without dot-stuffing, as received: changes of other checks are not in it. */
export interface Tap<Reason extends string = string, Finding extends string = string> {
  /** Takes the next piece, header section included; a promise holds the client back until it resolves, two minutes at most. */
  take(chunk: Buffer): void | Promise<void>;
  /** The final dot is there. */
  end(): Answer<Reason, Finding>;
  /** The message is not going to be complete. */
  abandon?(): void;
}
