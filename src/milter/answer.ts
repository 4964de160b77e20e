/** What a milter says: one packet read, or an error if it says what no milter may. */
import { textOf } from "../mail/octets.ts";
import { printable, replyOfLines } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { Packet } from "./packet.ts";

/** A verdict; `progress` asks for more time. */
export type MilterAnswer =
  | { readonly kind: "continue" | "accept" | "skip" | "progress" }
  /** `fail`: the session ends. */
  | { readonly kind: "reject" | "defer" | "discard" | "fail" }
  | { readonly kind: "reply"; readonly reply: Reply };

/** A change of a message; only before the verdict on the complete message. */
export type Change =
  | { readonly kind: "add header"; readonly name: string; readonly value: string }
  | { readonly kind: "insert header"; readonly index: number; readonly name: string; readonly value: string }
  | { readonly kind: "change header"; readonly nth: number; readonly name: string; readonly value: string }
  | { readonly kind: "body"; readonly piece: Buffer }
  | { readonly kind: "add recipient"; readonly address: string; readonly parameters: string }
  | { readonly kind: "remove recipient"; readonly address: string }
  | { readonly kind: "change sender"; readonly address: string }
  | { readonly kind: "quarantine"; readonly reason: string };

const verdicts: Readonly<Record<string, Exclude<MilterAnswer, { kind: "reply" }>["kind"]>> = {
  c: "continue",
  a: "accept",
  s: "skip",
  p: "progress",
  r: "reject",
  t: "defer",
  d: "discard",
  f: "fail",
  "4": "fail",
};

/** Reads a verdict or a change. @throws Error that says what is wrong */
export function readAnswer({ letter, data }: Packet): MilterAnswer | Change {
  const kind = Object.hasOwn(verdicts, letter) ? verdicts[letter] : undefined;
  if (kind !== undefined) {
    return { kind };
  }
  switch (letter) {
    case "y":
      return { kind: "reply", reply: replyIn(data) };
    case "h": {
      const [name, value] = texts(letter, data, 2);
      return { kind: "add header", name, value };
    }
    case "i":
    case "m": {
      if (data.length < 4) {
        throw halfOf(letter);
      }
      const [name, value] = texts(letter, data.subarray(4), 2);
      const number = data.readUInt32BE(0);
      return letter === "i"
        ? { kind: "insert header", index: number, name, value }
        : { kind: "change header", nth: number, name, value };
    }
    case "b":
      return { kind: "body", piece: data };
    case "+":
      return { kind: "add recipient", address: addressIn(letter, data), parameters: "" };
    case "2":
      return { kind: "add recipient", address: addressIn(letter, data), parameters: texts(letter, data, 1)[1] };
    case "-":
      return { kind: "remove recipient", address: addressIn(letter, data) };
    case "e":
      return { kind: "change sender", address: addressIn(letter, data) };
    case "q":
      return { kind: "quarantine", reason: texts(letter, data, 1)[0] };
  }
  throw new Error(`unknown answer ${JSON.stringify(letter)}`);
}

/** Texts that end in NUL each. @param least how many there must be */
function texts(letter: string, data: Buffer, least: number): [string, string] {
  const [first = "", second = "", ...rest] = data.toString("latin1").split("\0");
  const complete = (data.length > 0 ? [first, second, ...rest].length : 0) - 1;
  if (complete < least) {
    throw halfOf(letter);
  }
  return [first, second];
}

function halfOf(letter: string): Error {
  return new Error(`half an answer ${JSON.stringify(letter)}`);
}

/** Without its angle brackets. */
function addressIn(letter: string, data: Buffer): string {
  const [address] = texts(letter, data, 1);
  const bare = /^<(.*)>$/s.exec(address)?.[1] ?? address;
  return textOf(bare) ?? bare;
}

/** Control characters go, as in replies of plugins; a tab is a blank. */
function visible(line: string): string {
  return line.replaceAll("\t", " ").replaceAll(/[\x00-\x1f\x7f]/g, "");
}

const mostLines = 100;

/** The milter's own reply: 4xx or 5xx, every line with its code. */
function replyIn(data: Buffer): Reply {
  const said = data.toString("latin1").split("\0", 1)[0] ?? "";
  const lines = said
    .replace(/(?:\r?\n)+$/, "")
    .split(/\r?\n|\r/)
    .map(visible);
  const code = lines[0]?.slice(0, 3) ?? "";
  const isReply = /^[45]\d\d$/.test(code) && lines.every((line) => new RegExp(`^${code}(?:[ -]|$)`).test(line));
  if (!isReply || lines.length > mostLines) {
    throw new Error(`bad reply ${JSON.stringify(printable(said.slice(0, 100)))}`);
  }
  return replyOfLines(
    Number(code),
    lines.map((line) => line.slice(4)),
  );
}
