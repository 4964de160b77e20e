/**
 * What a plugin prints: one command a line, decided by its first character, in the meaning of qmail-spp 0.42, with the
 * texts checked. A plugin may quote untrusted text, which must not forge a reply or a header line.
 */
import { acceptSession, drop, next, ok } from "../hooks/verdict.ts";

import type { Effect } from "../hooks/effect.ts";
import { parseMailbox, parseSender } from "../mail/address.ts";
import { parseReply, printable } from "../mail/reply.ts";
import type { PluginHook } from "./config.ts";
import type { PluginVerdict } from "./reasons.ts";

/** One command. A verdict is the plugin's last one; an error ends it too. */
export type Command =
  | { readonly kind: "verdict"; readonly verdict: PluginVerdict }
  | { readonly kind: "effect"; readonly effect: Effect }
  | { readonly kind: "fault"; readonly why: "bad reply" | "bad address" }
  | { readonly kind: "ignored"; readonly why?: string };

const ignored: Command = { kind: "ignored" };
const lateHooks: Readonly<Record<string, "mail" | "rcpt" | "data">> = { M: "mail", R: "rcpt", D: "data" };
/** RFC 5322 2.2 and 2.1.1: a name, a colon, at most 998 octets. */
const headerLine = /^[\x21-\x39\x3b-\x7e]+:/;
const maxHeader = 998;
const replyStart = /^[2-5]\d\d[ -]/;

/**
 * Reads one line of a plugin that runs at a hook.
 * @param line without its line ending, one character an octet
 */
export function readCommand(line: string, hook: PluginHook): Command {
  const octets = line.slice(1);
  const rest = decode(octets);
  switch (line.charAt(0)) {
    case "A":
      return { kind: "verdict", verdict: acceptSession };
    case "N":
      return { kind: "verdict", verdict: next };
    case "O":
      return { kind: "verdict", verdict: ok };
    case "D":
      return { kind: "verdict", verdict: drop };
    case "E":
      return readRefusal(rest, false);
    case "R":
      return readRefusal(rest, true);
    case "L":
      return readLate(rest);
    case "S":
      return readVariable(rest);
    case "U":
      return rest === "" ? ignored : { kind: "effect", effect: { kind: "unset", name: untilNul(rest) } };
    case "H":
      return readHeader(octets);
    case "C":
      return readAddress(rest, hook);
    case "P":
      return { kind: "effect", effect: { kind: "print", line: printable(visible(rest)) } };
    default:
      return ignored;
  }
}

/** What is not a header line is text for people and programs, in UTF-8. */
function decode(octets: string): string {
  return /[\x80-\xff]/.test(octets) ? Buffer.from(octets, "latin1").toString("utf8") : octets;
}

/** Without control characters. A tab is one too, but is text in a header line. */
function visible(text: string): string {
  return /[\x00-\x1f\x7f]/.test(text) ? text.replaceAll("\t", " ").replace(/[\x00-\x1f\x7f]/g, "") : text;
}

/** Variables are C strings. */
function untilNul(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

function readRefusal(text: string, close: boolean): Command {
  const clean = visible(text);
  const answer = replyStart.test(clean) ? parseReply(clean) : undefined;
  return answer === undefined
    ? { kind: "fault", why: "bad reply" }
    : { kind: "verdict", verdict: { kind: "refuse", reply: answer, reason: "plugin", close } };
}

function readLate(text: string): Command {
  const hook = lateHooks[text.charAt(0)];
  if (hook === undefined) {
    return ignored;
  }
  const line = printable(visible(text.slice(1)));
  return replyStart.test(line)
    ? { kind: "effect", effect: { kind: "refuse-later", hook, line } }
    : { kind: "fault", why: "bad reply" };
}

function readVariable(text: string): Command {
  const pair = untilNul(text);
  const equals = pair.indexOf("=");
  return equals < 1
    ? { kind: "ignored", why: "no name=value" }
    : { kind: "effect", effect: { kind: "set", name: pair.slice(0, equals), value: pair.slice(equals + 1) } };
}

function readHeader(text: string): Command {
  const line = visible(text);
  return headerLine.test(line) && line.length <= maxHeader
    ? { kind: "effect", effect: { kind: "header", line } }
    : { kind: "ignored", why: "no header line" };
}

function readAddress(text: string, hook: PluginHook): Command {
  if (hook !== "mail" && hook !== "rcpt") {
    return ignored;
  }
  const address = text.endsWith("\r") ? text.slice(0, -1) : text;
  const mailbox = hook === "mail" ? parseSender(address) : parseMailbox(address);
  const nullSender = address === "" && hook === "mail";
  return mailbox === undefined && !nullSender
    ? { kind: "fault", why: "bad address" }
    : { kind: "effect", effect: { kind: "address", mailbox } };
}

/** Cuts output into lines, one character an octet. Whoever feeds it bounds it. */
export class Lines {
  #rest = "";

  /** The lines that are complete now, without line endings and empty ones. */
  feed(chunk: Buffer): string[] {
    this.#rest += chunk.toString("latin1");
    if (!chunk.includes(0x0a)) {
      return [];
    }
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.filter((line) => line !== "");
  }

  /** What is behind the last line ending: a last line that lacks its own counts too. Undefined for nothing. */
  end(): string | undefined {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? undefined : rest;
  }
}
