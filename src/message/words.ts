/** Header values as text, and their parameters. RFC 2047, RFC 2231 by libmime, which is loaded when it is first needed. */
import { createRequire } from "node:module";

import type library from "libmime";

const require = createRequire(import.meta.url);
let loaded: typeof library | undefined;

function libmime(): typeof library {
  return (loaded ??= require("libmime"));
}

/** Decodes encoded words; octets beyond ASCII are taken as UTF-8 if they are valid UTF-8. @param value one character per octet */
export function decodeText(value: string): string {
  const text = /[\x80-\xff]/.test(value) ? utf8Of(value) : value;
  if (!text.includes("=?")) {
    return text;
  }
  try {
    return libmime().decodeWords(text);
  } catch {
    // A charset that nobody knows.
    return text;
  }
}

/** Folds a field's value, as libmime does. @param length of a line, beyond which it is folded at blanks */
export function foldLines(text: string, length: number): string {
  return libmime().foldLines(text, length);
}

/** A parameter of a structured value, decoded; undefined if it has none of this name. */
export function parameterOf(value: string, name: string): string | undefined {
  const { params, decodedParams } = libmime().parseHeaderValue(value, { stripComments: true });
  const given = params[name];
  // RFC 2231 is decoded by now, and must not be decoded a second time.
  return given === undefined || decodedParams.includes(name) ? given : decodeText(given);
}

function utf8Of(value: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}
