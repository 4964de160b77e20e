/**
 * https: each message is the body of a POST to a web server, whose status answers. After http-forward of qpsmtpd, whose
 * source is lost. The request is made when the message is complete, so that no server sees part of one.
 */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { close, readFileSync } from "node:fs";

import * as field from "../config/fields.ts";
import { credentialFor } from "../files/credentials.ts";
import { FileWriter } from "../files/file-writer.ts";
import type { Mailbox } from "../mail/address.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import { octetsOf } from "../mail/octets.ts";
import { openNameless } from "../message/spool.ts";
import { errorMessage } from "../report/error-message.ts";
import { exchange, readAnswer } from "../transfer/request.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition, Letter, Parcel } from "./contract/contract.ts";

const delivered = reply(250, "2.0.0", "Delivered");
const tooLarge = reply(552, "5.3.4", "Message too large");
const refused = reply(554, "5.3.0", "Message refused");
const unavailable = reply(451, "4.4.1", "Next hop is not available, try again later");
const tooMany = reply(452, "4.5.3", "Too many recipients");

/** Statuses below 500 that say nothing of the message: the server's time and load. */
const temporary: ReadonlySet<number> = new Set([408, 425, 429]);
/** Statuses that say more of the configuration than of the message: the password, the URL. */
const suspicious: ReadonlySet<number> = new Set([401, 403, 404, 405, 407]);
/** Web servers take about 100 header fields, and 8 to 16 KiB of them. */
const mostRecipients = 80;
const mostOctets = 6000;

export const https: CourierDefinition = defineCourier({
  name: "https",
  doc: '"https://host/path" is a web server that each message is sent to by POST.',
  place: {
    allowed: '"https://host/path"',
    fits: (place) => {
      const url = URL.parse(`https:${place}`);
      return /^\/\/[^/]/.test(place) && url !== null && url.username === "" && url.password === "" && url.hash === "";
    },
  },
  settings: {
    user: field.text("", 'User of HTTP basic authentication for next_hop = "https://…". Empty: none.'),
    password_file: field.secretFile("File whose first line is the password of user, read for each message."),
  },
  faults: ({ user, password_file: file }) =>
    user !== "" && file === "" ? [{ key: "user", message: "needs password_file: the password of this user" }] : [],
  create(place, { user, password_file: file }, { spoolFolder, authorities, log }) {
    const url = new URL(`https:${place}`);
    const post: Post = async (letter, body, signal) => {
      const headers = headersFor(letter, body.key);
      const access = user === "" ? {} : { authorization: basic(user, file) };
      const response = await exchange({
        url,
        method: "POST",
        headers: { ...headers, ...access },
        file: body,
        ca: authorities,
        signal,
      });
      const { statusCode: status = 0 } = response;
      const whole = await response.sentAll();
      if (isSuccess(status)) {
        // What it may say besides is not worth the wait.
        response.destroy();
      }
      return { status, whole, words: isSuccess(status) ? "" : await readAnswer(response) };
    };
    const answer = async (letter: Letter, body: Body, signal: AbortSignal): Promise<Reply> => {
      const session = letter.session;
      try {
        const { status, whole, words } = await post(letter, body, signal);
        log.debug("https", "answered", { session, host: url.host, status, words });
        if (status >= 400 && status < 500 && !temporary.has(status)) {
          log[suspicious.has(status) ? "warning" : "info"]("https", "refused", {
            session,
            host: url.host,
            status,
            words,
          });
          return status === 413 ? tooLarge : refused;
        }
        if (isSuccess(status) && whole) {
          return delivered;
        }
        throw new Error(
          isSuccess(status) ? `status ${status} before it had the message` : `status ${status}: ${words}`,
        );
      } catch (error) {
        log.warning("https", "not delivered", { session, host: url.host, why: errorMessage(error) });
        return unavailable;
      }
    };
    return {
      refusal: (_sender, recipient, accepted) => (isTooMany([...accepted, recipient]) ? tooMany : undefined),
      open: async (letter) => new HttpsParcel(letter, answer, openNameless(spoolFolder)),
    };
  },
});

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function isTooMany(recipients: readonly Mailbox[]): boolean {
  return (
    recipients.length > mostRecipients || recipients.reduce((sum, { raw }) => sum + raw.length + 20, 0) > mostOctets
  );
}

/** @throws Error if the file cannot be read, or has no password: a request without it would be refused for good */
function basic(user: string, file: string): string {
  const [password = ""] = readFileSync(credentialFor(file) ?? file, "utf8").split(/\r?\n/, 1);
  if (password === "") {
    throw new Error(`password_file "${file}" gives no password`);
  }
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function headersFor({ sender, recipients, session }: Letter, key: string): Record<string, string | string[]> {
  return {
    "content-type": "message/rfc822",
    "x-envelope-from": octetsOf(sender?.raw ?? ""),
    "x-envelope-to": recipients.map(({ raw }) => octetsOf(raw)),
    "x-session": session,
    "idempotency-key": key,
  };
}

/** The body of a request. */
interface Body {
  readonly descriptor: number;
  readonly size: number;
  /** The same for the same message to the same recipients, whenever it comes again. */
  readonly key: string;
}

interface Answered {
  readonly status: number;
  /** The server answered when it could have everything. */
  readonly whole: boolean;
  readonly words: string;
}

type Post = (letter: Letter, body: Body, signal: AbortSignal) => Promise<Answered>;
type Ask = (letter: Letter, body: Body, signal: AbortSignal) => Promise<Reply>;

class HttpsParcel implements Parcel {
  readonly #letter: Letter;
  readonly #ask: Ask;
  readonly #file: number;
  readonly #writer: FileWriter;
  readonly #key: Key;
  #size = 0;
  #isClosed = false;

  /** @param file a file without a name, which is this parcel's from now on */
  constructor(letter: Letter, ask: Ask, file: number) {
    this.#letter = letter;
    this.#ask = ask;
    this.#file = file;
    this.#writer = new FileWriter(file);
    this.#key = new Key(letter);
  }

  write(content: Buffer): boolean {
    this.#size += content.length;
    this.#key.update(content);
    return this.#writer.write(content);
  }

  drained(): Promise<void> {
    return this.#writer.drained();
  }

  async finish(signal: AbortSignal): Promise<Reply> {
    await this.#writer.end();
    const body = { descriptor: this.#file, size: this.#size, key: this.#key.digest() };
    const answer = await this.#ask(this.#letter, body, signal);
    this.#close();
    return answer;
  }

  abandon(): void {
    // The writer uses the descriptor; nothing waits for it.
    void this.#writer.drained().then(() => this.#close());
  }

  #close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      close(this.#file, () => undefined);
    }
  }
}

/** A hash of envelope and content but for the first Received field: that is the relay's, with the time of this try. */
class Key {
  readonly #hash: Hash = createHash("sha256");
  /** The content so far, while that field may go on. Above it are only fields that milters have put there. */
  #head: Buffer | undefined = Buffer.alloc(0);

  constructor({ sender, recipients }: Letter) {
    this.#hash.update(JSON.stringify([sender?.raw ?? "", ...recipients.map(({ raw }) => raw)]));
  }

  update(content: Buffer): void {
    if (this.#head === undefined) {
      this.#hash.update(content);
      return;
    }
    const head = Buffer.concat([this.#head, content]);
    const own = /^Received:(?:.*\r\n[ \t])*.*\r\n(?=[^ \t])/im.exec(head.toString("latin1"));
    this.#head = own === null ? head : undefined;
    if (own !== null) {
      this.#hash.update(head.subarray(0, own.index)).update(head.subarray(own.index + own[0].length));
    }
  }

  digest(): string {
    return this.#hash.update(this.#head ?? "").digest("hex");
  }
}
