/**
 * A message as a check is given it. Classes, and not objects with getters: V8 keeps a shape for each such object, and
 * with it the whole message, until the next full collection.
 */
import type { BodyView, WholeEdits } from "../../hooks/message.ts";
import type { Mailbox } from "../../mail/address.ts";
import { unstuffText } from "../../message/dots.ts";
import type { HeaderFields } from "../../message/header.ts";
import type { MimeTree } from "../../message/mime.ts";
import type { Deadline } from "./deadline.ts";
import type { Draft } from "./draft.ts";

/** What is known of the message so far. */
export interface Facts {
  /** Wire form. */
  readonly header: string;
  readonly bytes: number;
}

/** Where a view looks. */
export interface Sources {
  facts(): Facts;
  /** One for all checks. */
  readonly fields: HeaderFields;
  /** Reads the parts, once for all checks. */
  parts(): Promise<MimeTree>;
}

/** What every check sees. */
export class View implements BodyView {
  readonly #sources: Sources;
  readonly #deadline: Deadline;

  /** @param deadline until when the check may answer */
  constructor(sources: Sources, deadline: Deadline) {
    this.#sources = sources;
    this.#deadline = deadline;
  }

  get fields(): HeaderFields {
    return this.#sources.fields;
  }

  get header(): string {
    return unstuffText(this.#sources.facts().header);
  }

  get bytes(): number {
    return this.#sources.facts().bytes;
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }

  parts(): Promise<MimeTree> {
    return this.#sources.parts();
  }
}

/** What a check that may change the message sees. */
export class EditableView extends View implements WholeEdits {
  readonly #draft: Draft;
  readonly #facts: () => Facts;

  constructor(sources: Sources, deadline: Deadline, draft: Draft) {
    super(sources, deadline);
    this.#draft = draft;
    this.#facts = () => sources.facts();
  }

  insertHeader(index: number, line: string): void {
    this.#draft.insertHeader(index, line);
  }

  insertAround(index: number, line: string): void {
    this.#draft.insertAround(index, line);
  }

  changeHeader(name: string, nth: number, value: string): void {
    this.#draft.changeHeader(name, nth, value);
  }

  deleteHeader(name: string, nth: number): void {
    this.#draft.deleteHeader(name, nth);
  }

  deleteReceivedHeader(name: string): void {
    this.#draft.deleteReceivedHeader(name);
  }

  content(): AsyncIterable<Buffer> {
    return this.#draft.content();
  }

  received(): AsyncIterable<Buffer> {
    return this.#draft.received(this.#facts().header);
  }

  replaceBody(body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    return this.#draft.replaceBody(body);
  }

  appendBody(text: Buffer): void {
    this.#draft.appendBody(text);
  }

  get recipients(): readonly Mailbox[] {
    return this.#draft.recipients;
  }

  addRecipient(mailbox: Mailbox): void {
    this.#draft.addRecipient(mailbox);
  }

  removeRecipient(mailbox: Mailbox): void {
    this.#draft.removeRecipient(mailbox);
  }

  changeSender(sender: Mailbox | undefined): void {
    this.#draft.changeSender(sender);
  }
}
