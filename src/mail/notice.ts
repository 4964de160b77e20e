/**
 * A mail of the relay's own: written here, sent at once to the next hop, with no queue. From the null sender, since
 * nobody shall answer a machine by a machine. RFC 5322, RFC 3834.
 */
import { randomUUID } from "node:crypto";

import type { Mailbox } from "./address.ts";
import type { Courier } from "./courier.ts";
import { replyText } from "./reply.ts";
import type { Reply } from "./reply.ts";

/** What it says. */
export interface Notice {
  readonly recipient: Mailbox;
  /** The field From, and where answers go: `Name <user@host>`, ASCII. */
  readonly from: string;
  readonly subject: string;
  /** Further header lines. */
  readonly headers?: readonly string[];
  readonly lines: readonly string[];
}

/** Sends one; why it was not taken. Rejects never. */
export type Post = (notice: Notice) => Promise<string | undefined>;

/** @param host the relay's own name @param part for the log of deliveries */
export function createPost(courier: Courier, host: string, part: string): Post {
  return async (notice) => {
    const delivery = courier.begin({ sender: undefined, eightBit: false, size: 0 }, { session: part, ip: "127.0.0.1" });
    const refused = (answer: Reply, wanted: number): boolean =>
      Math.floor(answer.code / 10) !== Math.floor(wanted / 10);
    try {
      const rcpt = await delivery.recipient(notice.recipient);
      if (refused(rcpt, 250)) {
        return replyText(rcpt);
      }
      const go = await delivery.data();
      if (refused(go, 354)) {
        return replyText(go);
      }
      if (!delivery.write(Buffer.from(compose(notice, host), "latin1"))) {
        await delivery.drained();
      }
      const done = await delivery.finish();
      return refused(done, 250) ? replyText(done) : undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      delivery.abandon();
    }
  };
}

/** The message in wire form: CRLF, dots stuffed; the text in base64 where it is not ASCII. */
function compose({ recipient, from, subject, headers = [], lines }: Notice, host: string): string {
  const text = lines.map((line) => `${line}\r\n`).join("");
  const isAscii = /^[\x00-\x7f]*$/.test(text);
  const body = isAscii ? text : Buffer.from(text).toString("base64").replaceAll(/.{76}/g, "$&\r\n");
  const head = [
    `From: ${from}`,
    `To: <${recipient.raw}>`,
    `Subject: ${encodedSubject(subject)}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomUUID()}@${host}>`,
    ...headers,
    "MIME-Version: 1.0",
    `Content-Type: text/plain; charset=${isAscii ? "us-ascii" : "utf-8"}`,
    `Content-Transfer-Encoding: ${isAscii ? "7bit" : "base64"}`,
  ];
  const safe = head.map((line) => line.replaceAll(/[^\x20-\x7e]/g, "?"));
  return `${safe.join("\r\n")}\r\n\r\n${body.replaceAll(/^\./gm, "..")}${body.endsWith("\n") ? "" : "\r\n"}`;
}

/** RFC 2047. */
function encodedSubject(subject: string): string {
  return /^[\x20-\x7e]*$/.test(subject) ? subject : `=?utf-8?B?${Buffer.from(subject).toString("base64")}?=`;
}

/** Where nothing is sent. */
export const noPost: Post = () => Promise.resolve("nothing is sent from here");
