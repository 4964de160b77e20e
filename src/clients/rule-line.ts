/**
 * One line of client rules, read: `address:allow` or `address:deny`, with `,NAME="value"` as often as wanted.
 * The grammar is that of tcprules, and addresses may be IPv6.
 */
import { normalIpv6 } from "./addresses.ts";
import { parseNetwork } from "../mail/blocks.ts";

/** An error or a warning within a line. */
export interface Remark {
  readonly column: number;
  readonly message: string;
}

/** A line that is well formed. */
export interface RuleLine {
  readonly kind: "rule";
  readonly address: string;
  readonly deny: boolean;
  readonly variables: ReadonlyMap<string, string>;
  /** What is suspicious about the variables. */
  readonly warnings: readonly Remark[];
}

/** What a line is: a rule, nothing, refused by tcprules, or ignored by it though it was hardly meant to be. */
export type Line = RuleLine | { readonly kind: "ignored" } | ({ readonly kind: "fault" | "odd" } & Remark);

function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/**
 * Where the instructions begin. tcprules ends the address at the first colon; an address with colons can only be on a
 * line that it refuses, so reading IPv6 there changes no rule of its grammar.
 */
function findInstructions(line: string): number {
  const first = line.indexOf(":") + 1;
  if (/^(?:allow|deny)/.test(line.slice(first, first + 5))) {
    return first;
  }
  const address = /^((?:[^:]*@)?[0-9a-fA-F:.]+(?:\/\d{1,3})?):(?:allow|deny)/.exec(line)?.[1] ?? "";
  return (normalIpv6(address) ?? parseNetwork(address)) === undefined ? first : address.length + 1;
}

/** A variable, and the character that follows it. */
interface Variable {
  readonly name: string;
  readonly value: string;
  readonly next: number;
}

/** Reads one `,NAME="value"`; whatever follows the equals sign is the quote. */
function readVariable(line: string, at: number): Variable | Remark {
  if (line[at] !== ",") {
    const hint = line[at] === "\r" ? " (the file has CRLF line endings)" : "";
    return { column: at + 1, message: `must be a comma or the end of the line, not ${show(line.slice(at))}${hint}` };
  }
  const equals = line.indexOf("=", at);
  const quote = equals === -1 ? undefined : line[equals + 1];
  if (quote === undefined) {
    return { column: at + 2, message: 'a variable must be written NAME="value"' };
  }
  const end = line.indexOf(quote, equals + 2);
  return end === -1
    ? { column: equals + 2, message: `the quote ${show(quote)} must be closed` }
    : { name: line.slice(at + 1, equals), value: line.slice(equals + 2, end), next: end + 1 };
}

/** What follows `allow` or `deny`. A later variable of the same name wins, as it does in an environment. */
function readVariables(line: string, start: number): Remark | Pick<RuleLine, "variables" | "warnings"> {
  const variables = new Map<string, string>();
  const warnings: Remark[] = [];
  // tcprules takes a NUL and makes nonsense of what follows; no environment can hold one.
  const nul = line.indexOf("\0");
  if (nul !== -1) {
    return { column: nul + 1, message: "must not hold a NUL byte" };
  }
  for (let at = start; at < line.length;) {
    const read = readVariable(line, at);
    if ("message" in read) {
      return read;
    }
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(read.name)) {
      warnings.push({ column: at + 2, message: `no program reads a variable named ${show(read.name)}` });
    }
    variables.set(read.name, read.value);
    at = read.next;
  }
  return { variables, warnings };
}

/** Cuts blanks and tabs off the end, in time that grows with the line alone. */
function trimEnd(line: string): string {
  let end = line.length;
  while (line[end - 1] === " " || line[end - 1] === "\t") {
    end -= 1;
  }
  return line.slice(0, end);
}

/** Reads a line without its line feed. */
export function readLine(whole: string): Line {
  const line = trimEnd(whole);
  if (line.startsWith("#") || line.trim() === "") {
    return { kind: "ignored" };
  }
  if (!line.includes(":")) {
    const comment = line.trimStart().startsWith("#");
    return comment ? { kind: "ignored" } : { kind: "odd", column: 1, message: "a line without a colon is ignored" };
  }
  const start = findInstructions(line);
  const word = /^(?:allow|deny)/.exec(line.slice(start, start + 5))?.[0];
  if (word === undefined) {
    const message = `must be "allow" or "deny" after the address, not ${show(line.slice(start))}`;
    return { kind: "fault", column: start + 1, message };
  }
  const read = readVariables(line, start + word.length);
  return "message" in read
    ? { kind: "fault", ...read }
    : { kind: "rule", address: line.slice(0, start - 1), deny: word === "deny", ...read };
}
