/** Reads the configuration file as text: UTF-8 and nothing else, or an error that says where it is not. */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";

import { errorCode, fileErrorMessage } from "../report/error-message.ts";
import type { Fault, Position } from "./fault.ts";

/** A larger file is not a configuration. */
const mostBytes = 4 * 1024 * 1024;

/** The text, or why there is none. */
export function readConfigText(file: string): string | Fault {
  const fault = (message: string, at: Position = { line: 1, column: 1 }): Fault => ({ file, ...at, key: "", message });
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const isMissing = errorCode(error) === "ENOENT";
    return fault(`cannot be read: ${fileErrorMessage(error)}${isMissing ? "; name yours with --config FILE" : ""}`);
  }
  if (bytes.length > mostBytes) {
    return fault(`has ${bytes.length} bytes; a configuration has at most ${mostBytes / 1_048_576} MiB`);
  }
  const text = decode(bytes);
  return typeof text === "string" ? text : fault(text.message, text);
}

/** UTF-8 to text, or the first place that is not. */
export function decode(bytes: Buffer): string | (Position & { readonly message: string }) {
  const [first, second] = bytes;
  const marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (marked || (bytes.length > 3 && (first === 0) !== (second === 0))) {
    return { line: 1, column: 1, message: "is UTF-16; save the file as UTF-8" };
  }
  return isUtf8(bytes) ? bytes.toString("utf8") : firstWrong(bytes);
}

function firstWrong(bytes: Buffer): Position & { readonly message: string } {
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1 && isUtf8(bytes.subarray(start, end)); end = bytes.indexOf(10, start)) {
    start = end + 1;
    line++;
  }
  let at = start;
  for (
    let length = sequence(bytes[at] ?? 0);
    isUtf8(bytes.subarray(at, at + length));
    length = sequence(bytes[at] ?? 0)
  ) {
    at += length;
  }
  const byte = bytes[at] ?? 0;
  const letter = new TextDecoder("windows-1252").decode(bytes.subarray(at, at + 1));
  const seen = byte < 0xa0 ? "" : `, "${letter}" in Latin-1,`;
  return {
    line,
    column: bytes.toString("utf8", start, at).length + 1,
    message: `the byte 0x${byte.toString(16)}${seen} is not UTF-8; save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)`,
  };
}

/** Bytes of the character that begins with this one. */
function sequence(lead: number): number {
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}
