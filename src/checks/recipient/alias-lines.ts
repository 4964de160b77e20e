/**
 * Lines of alias files. `LOCALS@DOMAINS (OPTIONS): ADDRESSES` is the form of hjp's aliases plugins for qpsmtpd, with
 * lists on both sides of the "@"; `name: addresses` that of sendmail's /etc/aliases.
 */
import type { ListEntry } from "../../files/list-reader.ts";
import { foldAscii, normalKey, parseMailbox } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";

export type AliasFormat = "hjp" | "sendmail";

/** An address on the right side; its domain is "" if it is the alias's own. */
export interface AliasTarget {
  readonly mailbox: Mailbox;
  /** `\name`: not looked up again. */
  readonly isFinal: boolean;
}

/** A line that can be used. */
export interface AliasLine {
  /** In normal form; without a domain where the name counts at every relay domain. */
  readonly keys: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  readonly targets: readonly AliasTarget[];
  readonly entry: ListEntry;
}

/** Names that one line may stand for: two lists multiply. */
const maxNames = 10_000;
/** What is not within quotes. */
const splitter = /(?:"(?:[^"\\]|\\.)*"|[^",])+/g;

/** A line that ends in a comma continues on the next one. */
export function joinLines(entries: readonly ListEntry[]): ListEntry[] {
  const lines: ListEntry[][] = [];
  let isOpen = false;
  for (const entry of entries) {
    if (isOpen) {
      lines.at(-1)?.push(entry);
    } else {
      lines.push([entry]);
    }
    isOpen = entry.text.endsWith(",");
  }
  return lines.flatMap(([first, ...rest]) =>
    first === undefined ? [] : [{ ...first, text: [first, ...rest].map(({ text }) => text).join(" ") }],
  );
}

/** Reads a line; a text says what is wrong with it. */
export function readAliasLine(entry: ListEntry, format: AliasFormat): AliasLine | string {
  const [, names, given = "", right = ""] =
    /^((?:"(?:[^"\\]|\\.)*"|[^":(])+)(?:\(([^)]*)\)\s*)?:(.*)$/.exec(entry.text) ?? [];
  if (names === undefined) {
    return format === "hjp"
      ? "is not an alias: a line is LOCALS@DOMAINS (OPTIONS): ADDRESSES"
      : "is not an alias: a line is name: addresses";
  }
  const keys = format === "hjp" ? keysOf(names) : keyOf(names.trim());
  if (typeof keys === "string") {
    return keys;
  }
  const targets = targetsOf(right, format);
  return typeof targets === "string" ? targets : { keys, options: optionsOf(given), targets, entry };
}

const listOf = (text: string): string[] => text.split(",").map((part) => part.trim());

/** All combinations. */
function keysOf(names: string): string[] | string {
  const at = names.lastIndexOf("@");
  const [locals, domains] = [listOf(names.slice(0, Math.max(at, 0))), listOf(names.slice(at + 1))];
  if (locals.length * domains.length > maxNames) {
    return `means more than ${maxNames} addresses`;
  }
  const wildcard = [...locals, ...domains].find((part) => /^[^"]*[*?]/.test(part));
  if (wildcard !== undefined) {
    // As an address it would match nobody, and whoever wrote it would not learn that.
    return `"${wildcard}" has a wildcard, which is not supported: name each address`;
  }
  const keys: string[] = [];
  for (const local of locals) {
    for (const domain of domains) {
      const mailbox = at < 0 ? undefined : parseMailbox(`${local}@${domain}`);
      if (mailbox === undefined || mailbox.user === "") {
        return `"${local}@${domain}" is not an address`;
      }
      keys.push(normalKey(mailbox.user, mailbox.domain));
    }
  }
  return keys;
}

function keyOf(name: string): string[] | string {
  const mailbox = parseMailbox(name);
  return mailbox === undefined || mailbox.user === ""
    ? `"${name}" is not a name`
    : [normalKey(mailbox.user, mailbox.domain)];
}

function optionsOf(text: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const option of listOf(text).filter((part) => part !== "")) {
    const [name = "", ...value] = option.split("=");
    options.set(foldAscii(name.trim()), value.join("=").trim());
  }
  return options;
}

function targetsOf(text: string, format: AliasFormat): AliasTarget[] | string {
  const parts = (text.match(splitter) ?? []).map((part) => part.trim()).filter((part) => part !== "");
  const targets: AliasTarget[] = [];
  for (const part of parts) {
    if (/^"?[|/]|^:include:/.test(part)) {
      return `"${part}" is not an address: commands, files and :include: are left to the internal mail server`;
    }
    const isFinal = part.startsWith("\\");
    const mailbox = parseMailbox(isFinal ? part.slice(1) : part);
    if (mailbox === undefined || mailbox.user === "" || (format === "hjp" && mailbox.domain === "")) {
      return `"${part}" is not ${format === "hjp" ? "a complete" : "an"} address`;
    }
    targets.push({ mailbox, isFinal });
  }
  return targets.length === 0 ? "leads to no address" : targets;
}
