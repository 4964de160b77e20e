/** What became of a message, for the counters, for its line of the log, and for its event. */
import type { Session } from "../../hooks/session.ts";
import type { Mailbox } from "../../mail/address.ts";
import { queueIdOf } from "../../mail/queue-id.ts";
import { messageIdOf } from "../../message/message-id.ts";
import { labelsBy } from "../../report/counters.ts";
import type { Response } from "../answers.ts";
import { serverName } from "../decision.ts";
import type { Service } from "../service.ts";

const byCode = labelsBy("code");

/** What came. */
export interface Taken {
  /** In wire form. */
  readonly bytes: number;
  /** The header section, one character an octet. */
  readonly header: string;
  /** When the final dot came, by performance.now(). */
  readonly ended: number;
}

/** Begun at 354: a client that goes while the next hop answers takes the transaction with it. */
export class MessageReport {
  readonly #session: string;
  readonly #ref: string;
  readonly #sender: string;
  readonly #recipients: readonly Mailbox[];
  readonly #began = performance.now();

  constructor({ id, ref, transaction }: Session, recipients: readonly Mailbox[]) {
    this.#session = id;
    this.#ref = ref;
    this.#sender = transaction?.sender?.raw ?? "";
    this.#recipients = recipients;
  }

  /** Counts and logs the answer. @returns it, with what the record wants to know */
  conclude({ counters, log, record }: Service, answer: Response, { bytes, header, ended }: Taken): Response {
    const { reply } = answer;
    const messageId = messageIdOf(header);
    if (reply !== undefined) {
      const { code, hop } = reply;
      counters.add("messages", byCode(code));
      counters.observe("message_seconds", (performance.now() - ended) / 1000);
      log.info("message", code < 300 ? "delivered" : "not delivered", {
        session: this.#session,
        from: this.#sender,
        recipients: this.#recipients.length,
        bytes,
        code,
        ref: this.#ref,
        hop: hop?.at,
        queue: hop === undefined ? undefined : queueIdOf(hop.said),
        message_id: messageId,
      });
    }
    if (record === undefined) {
      return answer;
    }
    // The line above says it.
    const by = { check: serverName, ...answer.by, told: reply !== undefined };
    const message = {
      ref: this.#ref,
      sender: this.#sender,
      recipients: this.#recipients.map(({ raw }) => raw),
      bytes,
      messageId,
      receiveMs: Math.round(ended - this.#began),
      ms: Math.round(performance.now() - ended),
    };
    return { ...answer, by, message };
  }
}
