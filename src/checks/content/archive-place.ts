/** Where archived messages are kept: appended to a file by date, or each a file of a maildir. */
import { constants, createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

import { makeFolder } from "../../files/make-folder.ts";
import { octetsOf } from "../../mail/octets.ts";
import { errorCode } from "../../report/error-message.ts";

/** More is not appended in one write, so that several workers cannot mix: it is a file of a maildir. */
const mostAppended = 1_048_576;

/** A message that was taken in, with lines that end in LF. */
export interface Kept {
  /** A file without a name. */
  readonly file: number;
  readonly size: number;
  /** "" for the null sender. */
  readonly sender: string;
}

/** How messages are kept. */
export interface ArchivePlace {
  readonly folder: string;
  /** Below the folder; %Y %m %d %H %M %S %j stand for the time, local. */
  readonly path: string;
  readonly format: "raw" | "mbox" | "maildir";
}

const two = (number: number): string => String(number).padStart(2, "0");

/** The path at a time. */
export function datedPath(path: string, time: Date): string {
  const day = Math.round(
    (Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - Date.UTC(time.getFullYear(), 0, 0)) / 86_400_000,
  );
  const words: Readonly<Record<string, string>> = {
    Y: String(time.getFullYear()),
    m: two(time.getMonth() + 1),
    d: two(time.getDate()),
    H: two(time.getHours()),
    M: two(time.getMinutes()),
    S: two(time.getSeconds()),
    j: String(day).padStart(3, "0"),
    "%": "%",
  };
  return path.replaceAll(/%(.)/g, (all, word: string) => words[word] ?? all);
}

/** Keeps a message. @throws what the file system throws */
export async function keep({ folder, path, format }: ArchivePlace, message: Kept, time: Date): Promise<void> {
  const target = join(folder, datedPath(path, time));
  if (format === "maildir") {
    await addToMaildir(target, message, time);
    return;
  }
  if (message.size > mostAppended) {
    await addToMaildir(`${target}.large`, message, time);
    return;
  }
  const content = await contentOf(message);
  await append(target, format === "mbox" ? asMbox(content, message.sender, time) : content);
}

async function append(target: string, bytes: Buffer): Promise<void> {
  await ensureFolder(dirname(target));
  await using file = await open(target, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o600);
  const { bytesWritten } = await file.write(bytes);
  if (bytesWritten < bytes.length) {
    throw new Error(`wrote ${bytesWritten} of ${bytes.length} bytes: the disk may be full`);
  }
}

/** Nearly always it is there. */
async function ensureFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      makeFolder(path, 0o700);
    }
  }
}

/** mboxrd: every line that begins with From, quoted or not, gets one ">" more. */
function asMbox(content: Buffer, sender: string, time: Date): Buffer {
  const text = content.toString("latin1").replaceAll(/^(>*From )/gm, ">$1");
  const from = `From ${octetsOf(sender).replaceAll(/\s/g, "_") || "MAILER-DAEMON"} ${ctime(time)}\n`;
  return Buffer.from(`${from}${text}${text.endsWith("\n") ? "" : "\n"}\n`, "latin1");
}

/** As asctime writes it, in UTC: "Sun Nov  6 08:49:37 1994". */
function ctime(time: Date): string {
  const [, weekday = "", day = "", month = "", year = "", clock = ""] =
    /^(\w+), (\d+) (\w+) (\d+) (\S+)/.exec(time.toUTCString()) ?? [];
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
}

async function addToMaildir(target: string, message: Kept, time: Date): Promise<void> {
  for (const part of ["tmp", "new", "cur"]) {
    await ensureFolder(join(target, part));
  }
  const name = `${Math.floor(time.getTime() / 1000)}.${randomUUID()}.archive`;
  const temporary = join(target, "tmp", name);
  try {
    await pipeline(readerOf(message), createWriteStream(temporary, { flags: "wx", mode: 0o600 }));
    await rename(temporary, join(target, "new", name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A message has at least an empty line. */
function readerOf({ file, size }: Kept): AsyncIterable<Buffer> {
  return createReadStream("", { fd: file, autoClose: false, start: 0, end: size - 1 });
}

async function contentOf(message: Kept): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readerOf(message)) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
