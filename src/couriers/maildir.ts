/**
 * maildir: each message is a file in a maildir, which qpsmtpd's queue/maildir writes too: `Return-Path` and `Delivered-To`
 * in front, lines that end in LF, written to tmp, fsynced, renamed to new. https://cr.yp.to/proto/maildir.html
 */
import { close, constants, fsync, mkdir, open, rename, unlink } from "node:fs";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";

import { FileWriter } from "../files/file-writer.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition, Letter, Parcel } from "./contract/contract.ts";
import { withoutReturns } from "../message/local-lines.ts";

const [openFile, closeFile, sync, moveFile] = [promisify(open), promisify(close), promisify(fsync), promisify(rename)];
const [makeFolder, removeFile] = [promisify(mkdir), promisify(unlink)];
const delivered = reply(250, "2.0.0", "Delivered");

export const maildir: CourierDefinition = defineCourier({
  name: "maildir",
  doc: '"maildir:/folder" makes each message a file in this maildir, whoever of the domain it is for.',
  place: {
    allowed: '"maildir:/folder"',
    fits: (path) => isAbsolute(path) && !path.includes("\0"),
  },
  settings: {},
  create: (folder, _settings, { hostname }) => ({ open: (letter) => openParcel(folder, hostname, letter) }),
});

let count = 0;

/** A name that nobody else gives: time, process, number, host. */
function uniqueName(hostname: string): string {
  count++;
  const now = Date.now();
  const host = hostname.replaceAll("/", String.raw`\057`).replaceAll(":", String.raw`\072`);
  return `${Math.floor(now / 1000)}.M${(now % 1000) * 1000}P${process.pid}Q${count}.${host}`;
}

async function openParcel(folder: string, hostname: string, letter: Letter): Promise<Parcel> {
  for (const part of ["tmp", "new", "cur"]) {
    await makeFolder(join(folder, part), { recursive: true, mode: 0o700 });
  }
  const name = uniqueName(hostname);
  const parcel = new MaildirParcel(folder, name, await openFile(join(folder, "tmp", name), "wx", 0o600));
  parcel.begin(envelopeLines(letter));
  return parcel;
}

/** Return-Path and one Delivered-To for each recipient, as qmail-local writes them. */
function envelopeLines({ sender, recipients }: Letter): Buffer {
  const lines = [`Return-Path: <${sender?.raw ?? ""}>`, ...recipients.map(({ raw }) => `Delivered-To: ${raw}`)];
  return Buffer.from(`${lines.join("\n")}\n`);
}

class MaildirParcel implements Parcel {
  readonly #folder: string;
  readonly #name: string;
  readonly #file: number;
  readonly #writer: FileWriter;
  #over = false;
  #isClosed = false;

  constructor(folder: string, name: string, file: number) {
    this.#folder = folder;
    this.#name = name;
    this.#file = file;
    this.#writer = new FileWriter(file);
  }

  begin(head: Buffer): void {
    this.#writer.write(head);
  }

  write(content: Buffer): boolean {
    return this.#writer.write(withoutReturns(content));
  }

  drained(): Promise<void> {
    return this.#writer.drained();
  }

  async finish(signal: AbortSignal): Promise<Reply> {
    await this.#writer.end();
    await sync(this.#file);
    signal.throwIfAborted();
    await moveFile(this.#path("tmp"), this.#path("new"));
    if (this.#over) {
      // Too late: the sender was told to try again.
      await removeFile(this.#path("new"));
    }
    signal.throwIfAborted();
    await syncFolder(join(this.#folder, "new"));
    this.#over = true;
    await this.#close();
    return delivered;
  }

  /** Once: the number may be another file's by the second time. */
  async #close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      await closeFile(this.#file).catch(() => undefined);
    }
  }

  #path(part: "tmp" | "new"): string {
    return join(this.#folder, part, this.#name);
  }

  abandon(): void {
    if (!this.#over) {
      this.#over = true;
      // Nothing waits for it. What cannot be removed stays in tmp, where readers of maildirs remove old files.
      void this.#writer.drained().then(async () => {
        await this.#close();
        await removeFile(this.#path("tmp")).catch(() => undefined);
        await removeFile(this.#path("new")).catch(() => undefined);
      });
    }
  }
}

/** Without it a crash of the machine could take the new name back. */
async function syncFolder(folder: string): Promise<void> {
  const file = await openFile(folder, constants.O_RDONLY);
  try {
    await sync(file);
  } finally {
    await closeFile(file);
  }
}
