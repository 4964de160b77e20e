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
  /** A part behind the text. */
  readonly attachment?: Attachment;
}

/** A file that is shown behind the text. */
export interface Attachment {
  /** As image/gif. */
  readonly type: string;
  readonly name: string;
  readonly content: Buffer;
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
function compose(notice: Notice, host: string): string {
  const { recipient, from, subject, headers = [], attachment } = notice;
  const head = [
    `From: ${from}`,
    `To: <${recipient.raw}>`,
    `Subject: ${encodedSubject(subject)}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomUUID()}@${host}>`,
    ...headers,
    "MIME-Version: 1.0",
  ];
  const text = textPart(notice.lines);
  const whole = attachment === undefined ? text : bothParts(text, attachment);
  const safe = [...head, ...whole.head].map((line) => line.replaceAll(/[^\x20-\x7e]/g, "?"));
  return `${safe.join("\r\n")}\r\n\r\n${whole.body.replaceAll(/^\./gm, "..")}`;
}

/** Header lines and body of an entity. */
interface Part {
  readonly head: readonly string[];
  /** Ends with CRLF. */
  readonly body: string;
}

function textPart(lines: readonly string[]): Part {
  const text = lines.map((line) => `${line}\r\n`).join("");
  const isAscii = /^[\x00-\x7f]*$/.test(text);
  const head = [
    `Content-Type: text/plain; charset=${isAscii ? "us-ascii" : "utf-8"}`,
    `Content-Transfer-Encoding: ${isAscii ? "7bit" : "base64"}`,
  ];
  return { head, body: isAscii ? text : inBase64(Buffer.from(text)) };
}

function bothParts(text: Part, { type, name, content }: Attachment): Part {
  const boundary = randomUUID();
  const file: Part = {
    head: [
      `Content-Type: ${type}; name="${name}"`,
      "Content-Transfer-Encoding: base64",
      `Content-Disposition: inline; filename="${name}"`,
    ],
    body: inBase64(content),
  };
  const parts = [text, file].map(({ head, body }) => `--${boundary}\r\n${head.join("\r\n")}\r\n\r\n${body}`);
  return {
    head: [`Content-Type: multipart/mixed; boundary="${boundary}"`],
    body: `${parts.join("\r\n")}\r\n--${boundary}--\r\n`,
  };
}

/** In lines of 76. RFC 2045 6.8. */
function inBase64(octets: Buffer): string {
  return `${octets.toString("base64").replaceAll(/.{76}(?=.)/g, "$&\r\n")}\r\n`;
}

/** RFC 2047. */
function encodedSubject(subject: string): string {
  return /^[\x20-\x7e]*$/.test(subject) ? subject : `=?utf-8?B?${Buffer.from(subject).toString("base64")}?=`;
}

/** Where nothing is sent. */
export const noPost: Post = () => Promise.resolve("nothing is sent from here");
