/** How a message gets from its intake to the next hop: as it comes, behind an edited header section, or at its end. */
import type { Delivery } from "../../mail/courier.ts";
import type { Reply } from "../../mail/reply.ts";
import type { HeldMessage } from "../../message/held.ts";
import { answers } from "../answers.ts";
import type { Changeable } from "./draft.ts";
import type { Head } from "./head.ts";

/** Where wire bytes go, and what comes of them. */
export interface Way {
  /** Sends wire bytes, or keeps them. False: wait for {@link drained}. */
  write(chunk: Buffer): boolean;
  /** Resolves when more may be written; rejects never. */
  drained(): Promise<void>;
  /** The message may go on: the hop's answer. */
  finish(): Promise<Reply>;
  /** The header section has its final form; the body may follow. */
  release?(message: Changeable): void;
}

/** Holds the header section, which the intake has, and the few bytes that came with its end. */
export class EditedWay implements Way {
  readonly #delivery: Delivery;
  #held: Buffer[] | undefined = [];
  readonly #released = Promise.withResolvers<void>();

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  write(chunk: Buffer): boolean {
    if (this.#held === undefined) {
      return this.#delivery.write(chunk);
    }
    this.#held.push(chunk);
    return false;
  }

  release({ header }: Changeable): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#delivery.write(Buffer.concat([Buffer.from(header.wire(), "latin1"), ...held]));
    this.#released.resolve();
  }

  async drained(): Promise<void> {
    await this.#released.promise;
    await this.#delivery.drained();
  }

  finish(): Promise<Reply> {
    return this.#delivery.finish();
  }
}

/** Holds everything until the verdict: the next hop sees nothing of the message before it. */
export class HeldWay implements Way {
  readonly #delivery: Delivery;
  readonly #held: HeldMessage;
  readonly #head: Head;
  #message: Changeable | undefined;

  constructor(delivery: Delivery, held: HeldMessage, head: Head) {
    this.#delivery = delivery;
    this.#held = held;
    this.#head = head;
  }

  write(chunk: Buffer): boolean {
    return this.#held.write(chunk);
  }

  drained(): Promise<void> {
    return this.#held.drained();
  }

  release(message: Changeable): void {
    this.#message = message;
  }

  async finish(): Promise<Reply> {
    const message = this.#message;
    if (message === undefined || message.recipients.length === 0) {
      this.#delivery.abandon();
      return answers.noneLeft;
    }
    const refusal = await this.#delivery.plan(message.sender, message.recipients);
    if (refusal !== undefined) {
      this.#delivery.abandon();
      return refusal;
    }
    const go = await this.#delivery.data();
    if (go.code !== 354) {
      this.#delivery.abandon();
      return go;
    }
    try {
      for await (const chunk of this.#held.wire(message.header, this.#head(message.recipients))) {
        if (!this.#delivery.write(chunk)) {
          await this.#delivery.drained();
        }
      }
    } catch (error) {
      // The hop must not see a final dot behind half a message.
      this.#delivery.abandon();
      throw error;
    }
    return this.#delivery.finish();
  }
}
