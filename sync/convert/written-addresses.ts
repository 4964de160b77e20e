/**
 * The addresses within one value of a directory: a value may list several (`a@x, b@x`), name a person
 * (`Anna <a@x>`), or be a URL (`mailto:a@x`). RFC 5322 3.4, RFC 6068 2. Text in, texts out; whether one of them is an
 * address is for the caller to judge.
 */
import { parseMailbox } from "../../src/mail/address.ts";

/** A separator, a quoted string, text in angle brackets (either may lack its end), or anything else. */
const token = /[,;]|"(?:[^"\\]|\\.)*"?|<[^<>]*>?|[^,;"<]+/gs;
const bracketed = /<([^<>]*)>\s*$/;
const url = /^mailto:([^?]*)/i;
/** X500:, x400:, SIP: … whose values have commas and semicolons of their own. */
const otherProtocol = /^(?!smtp:|mailto:)[a-z0-9]{2,12}:/i;

/** The texts of a value, in order and without blanks around them. A value without an "@" stays as it is. */
export function writtenAddresses(value: string): readonly string[] {
  if (!value.includes("@") || otherProtocol.test(value) || parseMailbox(value) !== undefined) {
    return [value];
  }
  return joinNames(split(value))
    .map(withoutName)
    .filter((text) => text !== "");
}

function split(value: string): string[] {
  const parts = [""];
  for (const [text] of value.matchAll(token)) {
    if (text === "," || text === ";") {
      parts.push("");
    } else {
      parts.push(`${parts.pop() ?? ""}${text}`);
    }
  }
  return parts.map((part) => part.trim());
}

/** `Huber, Anna <a@x>` is one person: people leave out the quotes that RFC 5322 asks for. */
function joinNames(parts: readonly string[]): string[] {
  const joined: string[] = [];
  let name: string[] = [];
  for (const part of parts) {
    if (part.includes("@")) {
      joined.push(bracketed.test(part) ? [...name, part].join(", ") : part);
      joined.splice(-1, 0, ...(bracketed.test(part) ? [] : name));
      name = [];
    } else if (part !== "") {
      name.push(part);
    }
  }
  return [...joined, ...name];
}

function withoutName(text: string): string {
  const inner = parseMailbox(text) === undefined ? (bracketed.exec(text)?.[1]?.trim() ?? text) : text;
  const written = url.exec(inner)?.[1];
  return written === undefined ? inner : decoded(written);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
