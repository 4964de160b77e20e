/** The lines of a file or of a text with their numbers, bounded; what an export from any system may end them with. */
import { createReadStream } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { SourceFault } from "../source.ts";
import { notText } from "./ldif-forms.ts";
import { isMissing } from "./secrets.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** Characters of one line: an unfolded photograph stays below. */
const maxLine = 16 * 1024 * 1024;

export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** A line ending is behind it; false for a last line without one. */
  readonly ended: boolean;
}

/** Characters by which a file is known for what it is. */
const sampleLength = 16;

/**
 * Splits at LF; a CR before it and a byte order mark at the start are taken off.
 * @throws SourceFault "format" if a line is over the limit, or the file is not a text
 */
export async function* readLines(
  input: string | AsyncIterable<string>,
  file: string,
  limit: number = maxLine,
): AsyncGenerator<Line> {
  let rest = "";
  let number = 0;
  let sample = "";
  const line = (text: string, ended: boolean): Line => {
    number += 1;
    const start = number === 1 ? text.replace(/^\uFEFF/, "") : text;
    return { text: start.endsWith("\r") ? start.slice(0, -1) : start, number, ended };
  };
  for await (const chunk of typeof input === "string" ? [input] : input) {
    if (sample.length < sampleLength) {
      sample += chunk.slice(0, sampleLength);
      checkText(sample, file);
    }
    const parts = chunk.split("\n");
    parts[0] = rest + (parts[0] ?? "");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      yield line(part, true);
    }
    if (rest.length > limit) {
      throw new SourceFault("format", `${file}:${number + 1}: line of more than ${limit} characters`);
    }
  }
  if (rest !== "") {
    yield line(rest, false);
  }
}

/** @param sample the first characters. @throws SourceFault "format" if the file is not a text */
export function checkText(sample: string, file: string): void {
  const form = notText(sample);
  if (form !== undefined) {
    throw new SourceFault("format", `${file}:1: ${form}`);
  }
}

/** A text and the name by which messages call it. */
export interface OpenedText {
  readonly text: AsyncIterable<string>;
  readonly file: string;
}

/** Opens a text: a file, or what a program prints. The iteration throws a SourceFault if the text is not complete. */
export type OpenText = (signal: AbortSignal) => Promise<OpenedText>;

/**
 * Opens the first of the files that exists, as text.
 * @throws SourceFault "unreadable"
 */
export async function openText(names: readonly string[], folder: string, signal: AbortSignal): Promise<OpenedText> {
  for (const name of names) {
    const file = isAbsolute(name) ? name : join(folder, name);
    try {
      const handle = await openFile(file);
      return { file, text: createReadStream("", { fd: handle, encoding: "utf8", signal }) };
    } catch (cause) {
      if (!isMissing(cause) || name === names.at(-1)) {
        throw unreadable(file, cause);
      }
    }
  }
  throw new SourceFault("unreadable", "url names no file");
}

/** A pipe without a writer would block the sync for ever. */
async function openFile(file: string): Promise<FileHandle> {
  if (!(await stat(file)).isFile()) {
    throw new RangeError("it is not a file");
  }
  return open(file);
}

/** The error of a file that cannot be opened, that broke off, or that is left because the run was stopped. */
export function unreadable(file: string, cause: unknown): SourceFault {
  if (cause instanceof Error && cause.name === "AbortError") {
    return new SourceFault("timeout", `Reading "${file}": stopped`, { cause });
  }
  return new SourceFault("unreadable", `Cannot read "${file}": ${errorMessage(cause)}`, { cause });
}
