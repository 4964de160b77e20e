/** What is wrong with a file that is not TOML, in the words of somebody who wrote it by hand. */
import type { ParseError } from "toml-eslint-parser";

import { firstPlace, pathOnLine } from "./toml-lines.ts";
import { openedBefore } from "./toml-scan.ts";
import type { Position } from "./fault.ts";

/** An error of the text; `key` is dotted, or "". */
export interface TomlFinding extends Position {
  readonly key: string;
  readonly message: string;
}

/** Puts a parser's error into words. */
export function tomlFinding(text: string, error: ParseError): TomlFinding {
  const lines = text.split(/\r?\n/);
  const line = error.lineNumber;
  const column = error.column + 1;
  const here = lines[line - 1] ?? "";
  const fault = { line, column, key: pathOnLine(text, line) };
  if (error.message === "Defining a key multiple times is invalid") {
    return { ...fault, message: twice(text, line) };
  }
  const open = notClosed(text, here, line, error.message) ?? unclosedText(lines, line, error.message);
  if (open !== undefined) {
    return { ...fault, message: open };
  }
  const last = here.slice(0, column - 1).trim() === "" ? unfinished(lines, line - 1) : undefined;
  if (last !== undefined) {
    return { ...last, key: pathOnLine(text, last.line) };
  }
  return { ...fault, message: wrongLine(here) ?? wrongValue(here, column) ?? plain(here, column, error.message) };
}

/** What is missing at the end of the last line that says something: the parser only stumbles over the next. */
function unfinished(lines: readonly string[], until: number): Omit<TomlFinding, "key"> | undefined {
  const index = lines.slice(0, until).findLastIndex((line) => /^\s*[^\s#]/.test(line));
  const text = lines[index] ?? "";
  const complete = /=\s*[^\s#]/.test(text) || /^\s*(?:\[[\w."' -]+\]|\[\[[\w."' -]+\]\])\s*(?:#.*)?$/.test(text);
  const message = complete ? undefined : (wrongLine(text) ?? wrongValue(text, 1));
  return message === undefined ? undefined : { line: index + 1, column: text.search(/\S/) + 1, message };
}

/** A list or table that is not closed before what is clearly the next setting. */
function notClosed(text: string, here: string, line: number, message: string): string | undefined {
  const ended = message.startsWith("Unterminated") && !message.includes("string");
  const opened = openedBefore(text, ended ? line + 1 : line).at(-1);
  const next = /^\s*(?:\[\[?[\w."' -]+\]|[\w."'-]+\s*=)/.test(here) || here.trim() === "";
  if (opened === undefined || !(next || ended)) {
    return undefined;
  }
  const [what, bracket] = opened.bracket === "[" ? ["list", "]"] : ["table", "}"];
  return `the ${what} opened in line ${opened.line} is not closed: ${bracket} is missing`;
}

function unclosedText(lines: readonly string[], line: number, message: string): string | undefined {
  if (message === "Invalid character in escape sequence") {
    return "a backslash in \"…\" begins an escape; write '…' (single quotes), or \\\\ for a backslash";
  }
  if (message !== "Unterminated string constant") {
    return undefined;
  }
  const from = lines.slice(0, line).findLastIndex((text) => text.includes('"""') || text.includes("'''"));
  return from === -1
    ? "the text is not closed: a quote is missing at its end"
    : `the text opened in line ${from + 1} is not closed: three quotes are missing`;
}

/** A line that is not a setting at all. */
function wrongLine(here: string): string | undefined {
  const line = here.trim();
  if (/^(?:;|\/\/)/.test(line)) {
    return "a comment begins with #";
  }
  if (/^\[\s*\[?\s*\]/.test(line)) {
    return "a section needs a name: write [smtp] or [[route]]";
  }
  const header = /^(\[\[?)\s*([\w.-]+)\s*(\]*)(.*)$/.exec(line);
  if (header !== null) {
    const [, open = "", name = "", close = "", rest = ""] = header;
    const right = `${open}${name}${open.replaceAll("[", "]")}`;
    return close.length === open.length && rest !== ""
      ? `a section needs a line of its own: only a comment may follow ${right}`
      : `the section's name is not closed: write ${right}`;
  }
  const colon = /^([\w-]+)\s*:\s*(.*)$/.exec(line);
  if (colon !== null) {
    return `a setting is written with an equals sign: ${colon[1]} = ${valueOf(colon[2] ?? "")}`;
  }
  if (line.startsWith("=")) {
    return 'a key is missing: write key = "value"';
  }
  const key = /^([^=]*?)\s*=/.exec(line)?.[1] ?? line;
  if (/^[^"'].*[^\w."'-]/.test(key) && /=/.test(line)) {
    return `a key with blanks or letters beyond A-Z needs quotes: ${JSON.stringify(key)}`;
  }
  return line.includes("=") || /^["'\]}]/.test(line) || line === ""
    ? undefined
    : 'must be a setting (key = "value"), a [section] or a comment (# …)';
}

/** The value of a setting, or an entry of a list. */
function wrongValue(here: string, column: number): string | undefined {
  const [, key = "", value = ""] = /^\s*([\w."'-]+)\s*=\s*(.*)$/.exec(here) ?? [];
  if (key === "" && !/^\s*[\w.[\],"'“”/*-]/.test(here)) {
    return undefined;
  }
  if (key !== "" && /^(?:#|\]|\}|$)/.test(value)) {
    return `a value is missing: write ${key} = …`;
  }
  if (/[“”„‘’]/.test(here)) {
    return "text needs straight quotes: \" or '";
  }
  const list = key === "" || value.startsWith("[");
  const word = list ? entryAt(here, column) : value.replace(/\s+#.*$/, "").trim();
  if (word === undefined || !needsQuotes(word) || /\s[\w.-]+\s*=/.test(word)) {
    return undefined;
  }
  const better = valueOf(word);
  const written = `write ${list ? "" : `${key} = `}${better}`;
  if (!better.startsWith('"')) {
    return `${written}, in small letters`;
  }
  const flag = /^(?:yes|no|on|off)$/i.test(word) ? ", or true or false" : "";
  return `text needs quotes: ${written}${flag}`;
}

/** The entry of a list around a column. */
function entryAt(here: string, column: number): string | undefined {
  const end = /[,\]#]|$/.exec(here.slice(column - 1))?.index ?? 0;
  const before = here.slice(0, column - 1 + end);
  const start = Math.max(before.lastIndexOf("["), before.lastIndexOf(","), before.lastIndexOf("=")) + 1;
  const entry = before.slice(start).trim();
  return entry === "" || /^["']/.test(entry) ? undefined : entry;
}

/** Neither a number, nor a word of TOML, nor begun as text, list or table. */
function needsQuotes(word: string): boolean {
  return !/^(?:["'[{\]},].*|[+-]?\d[\d_]*(?:\.\d+)?|true|false)$/.test(word);
}

/** A word as it should be written. */
function valueOf(word: string): string {
  const small = word.toLowerCase();
  if (small !== word && (small === "true" || small === "false")) {
    return small;
  }
  return needsQuotes(word) ? JSON.stringify(word) : word;
}

const sayings: Readonly<Record<string, string>> = {
  "Expected comma (,) token": "a comma is missing before this entry",
  "Trailing comma is not permitted in an inline table": "no comma is allowed before }",
  "No newlines are allowed between the curly braces unless they are valid within a value":
    "a { … } table is written in one line",
  "Underscores are allowed between digits": "an underscore is only allowed between digits",
  "Keys cannot end with a dot": "a key may not end with a dot",
  "Consecutive dots are not permitted in keys": "a key may not have two dots in a row",
  "Unspecified values are invalid": "a value is missing",
};

function plain(here: string, column: number, message: string): string {
  if (here.includes("\r")) {
    return "the lines end with CR only; save the file with LF or CR LF";
  }
  const said = sayings[message];
  if (said !== undefined) {
    return said;
  }
  if (message === "Leading zeros are not allowed") {
    return "a number may not begin with 0; text needs quotes";
  }
  if (/^Unexpected invalid (?:date|time)/.test(message)) {
    return "this is not a date, and no setting takes one; text needs quotes";
  }
  const character = here[column - 1] ?? "";
  if (message.startsWith("Control characters") || /[\x00-\x08\x0b-\x1f\x7f]/.test(character)) {
    return `the control character ${codePoint(character)} is not allowed here`;
  }
  if (message === "Must be a newline" || message.startsWith("Unexpected")) {
    const rest = here.slice(column - 1).trim();
    return `nothing but a comment may follow the value: ${JSON.stringify(rest.slice(0, 40))} is too much`;
  }
  return message;
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A key or section that is given a second time, with the line of the first. */
function twice(text: string, line: number): string {
  const found = firstPlace(text, line);
  switch (found.kind) {
    case "setting":
      return `is given twice: in line ${found.line} and here`;
    case "section":
      return `the section [${found.name}] is given twice: in line ${found.line} and here; put its settings together`;
    case "mixed":
      return `is [${found.name}] and [[${found.name}]]: in line ${found.line} and here; write [[${found.name}]] if there are several, else one [${found.name}]`;
    case "unknown":
      return "is given twice";
  }
}
