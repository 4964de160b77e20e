/**
 * A message as checks see it, by what they need of it. The most demanding check of the transaction decides how it
 * is taken in: `header` streams, `tap` streams and listens, `edit` holds the header section, `whole` holds all.
 */
import type { Mailbox } from "../mail/address.ts";
import type { Answer } from "./verdict.ts";

export const needs = ["header", "tap", "edit", "whole"] as const;
export type Need = (typeof needs)[number];

/** What is known at the empty line. */
export interface HeaderView {
  /** The header section as received, one character an octet, at most 256 KiB of it. */
  readonly header: string;
  /** Bytes as received so far; at hook `message` all of them, without the final dot. */
  readonly bytes: number;
}

/** What a check with the need `edit` may change at hook `header`. */
export interface HeaderEdits {
  /** Puts a field in front of the field at this place; 0 is the top, below our Received field. @param line without its line ending */
  insertHeader(index: number, line: string): void;
  /** Replaces the nth field of this name (from 1); without such a field it is added at the end. */
  changeHeader(name: string, nth: number, value: string): void;
  /** Takes the nth field of this name away (from 1); 0 takes all. */
  deleteHeader(name: string, nth: number): void;
}

/** What a check with the need `whole` may change besides. */
export interface WholeEdits extends HeaderEdits {
  /** Content of the message as it is now, in wire form without dot-stuffing, in pieces. */
  content(): AsyncIterable<Buffer>;
  replaceBody(body: Buffer): void;
  appendBody(text: Buffer): void;
  addRecipient(mailbox: Mailbox): void;
  removeRecipient(mailbox: Mailbox): void;
  changeSender(sender: Mailbox | undefined): void;
}

/** The message that a check of this need is given; what it may not do does not compile. */
export type MessageFor<N extends Need> = N extends "whole"
  ? HeaderView & WholeEdits
  : N extends "edit"
    ? HeaderView & HeaderEdits
    : HeaderView;

/** Listens to a message on its way. Content without dot-stuffing. */
export interface Tap<Reason extends string = string, Finding extends string = string> {
  /** Takes the next piece; a promise holds the client back until it resolves. */
  take(chunk: Buffer): void | Promise<void>;
  /** The final dot is there. */
  end(): Answer<Reason, Finding>;
  /** The message is not going to be complete. */
  abandon(): void;
}
