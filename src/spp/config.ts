/**
 * `control/smtpplugins`: which programs run at which hook, in the grammar of qmail-spp 0.42. Read again for a session
 * only if the file has changed; looked at ten times per second, however many sessions there are.
 */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";

import { errorCode } from "../report/error-message.ts";

/** The hooks at which plugins run: qmail-spp knows no more. */
export const pluginHooks = ["connection", "helo", "mail", "rcpt", "data", "auth"] as const;
export type PluginHook = (typeof pluginHooks)[number];

/** One line of the file: how it is there, and what is executed. */
export interface Plugin {
  /** For replies and logs. */
  readonly line: string;
  /** What is executed, relative to the plugins' home. */
  readonly file: string;
  /** All arguments, the program's own name first. */
  readonly argv: readonly [string, ...string[]];
}

/** The plugins of each hook, in the order of the file. */
export type Sections = Readonly<Record<PluginHook, readonly Plugin[]>>;

/** What became of reading a file. */
export type ConfigAnswer =
  | { readonly kind: "sections"; readonly sections: Sections }
  | { readonly kind: "missing" }
  | { readonly kind: "unreadable"; readonly why: string };

/** Larger is not a list of programs. */
const maxBytes = 1_048_576;
/** Looked at no more often than this, in ms: a look is a system call, which thousands of sessions a second would feel. */
const lookEvery = 100;
/** Client rules may name several files; more than this many are read again each time. */
const maxFiles = 100;

/** Only the second character of a section's line counts: `[harry]` is helo. */
const hookByLetter: Readonly<Record<string, PluginHook>> = {
  c: "connection",
  h: "helo",
  m: "mail",
  r: "rcpt",
  d: "data",
  a: "auth",
};

/** No plugin anywhere. */
export const noPlugins: Sections = { connection: [], helo: [], mail: [], rcpt: [], data: [], auth: [] };

/**
 * Reads the text of the file. Every text is valid: lines before the first section and below an unknown one are ignored.
 */
export function parsePlugins(text: string): Sections {
  const sections: Record<PluginHook, Plugin[]> = { connection: [], helo: [], mail: [], rcpt: [], data: [], auth: [] };
  let section: Plugin[] | undefined;
  for (const raw of text.split("\n")) {
    const line = trimEnd(raw);
    if (line === "" || line.startsWith("#")) {
      continue;
    }
    if (line.startsWith("[")) {
      const hook = hookByLetter[line.charAt(1)];
      section = hook === undefined ? undefined : sections[hook];
    } else {
      section?.push(parsePlugin(line));
    }
  }
  return sections;
}

/** Blanks and tabs only, as every control file; what follows a NUL does not exist for a C program either. */
function trimEnd(raw: string): string {
  const end = raw.indexOf("\0");
  let length = end < 0 ? raw.length : end;
  while (length > 0 && (raw[length - 1] === " " || raw[length - 1] === "\t")) {
    length -= 1;
  }
  return raw.slice(0, length);
}

function parsePlugin(line: string): Plugin {
  if (line.startsWith(":")) {
    return { line, file: "/bin/sh", argv: ["/bin/sh", "-c", line.slice(1)] };
  }
  // A name without a slash would be looked for along PATH, which execv does not do.
  return { line, file: line.includes("/") ? line : `./${line}`, argv: [line] };
}

interface Kept {
  /** "" if there is no such file. */
  readonly identity: string;
  readonly answer: ConfigAnswer;
  /** When, in ms. */
  readonly looked: number;
}

/** Reads a file, or answers from before if the file is the same. */
export type ConfigReader = (name: string) => ConfigAnswer;

/**
 * Makes a reader that remembers what it has read.
 * @param home what relative names are relative to
 * @param now ms
 */
export function createConfigReader(home: string, now: () => number): ConfigReader {
  const kept = new Map<string, Kept>();
  // Nearly all sessions have the same name.
  let latest: { readonly name: string; readonly path: string } | undefined;
  return function readPlugins(name) {
    const looked = now();
    if (latest?.name !== name) {
      latest = { name, path: resolve(home, name) };
    }
    const { path } = latest;
    const before = kept.get(path);
    // A clock that was set back must not keep an old answer for hours.
    if (before !== undefined && looked - before.looked < lookEvery && looked >= before.looked) {
      return before.answer;
    }
    if (kept.size >= maxFiles) {
      kept.clear();
    }
    const found = look(path, before);
    kept.set(path, { ...found, looked });
    return found.answer;
  };
}

/** The file as is now; the text is read only if it is not the previous one. */
function look(path: string, before: Kept | undefined): { identity: string; answer: ConfigAnswer } {
  const none = { identity: "" };
  try {
    // An error for each session of a site without plugins would cost more than the look itself.
    const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (facts === undefined) {
      return { ...none, answer: { kind: "missing" } };
    }
    if (facts.isCharacterDevice()) {
      // SPPCONFFILE=/dev/null is a way to say none.
      return { ...none, answer: { kind: "sections", sections: noPlugins } };
    }
    if (!facts.isFile() || facts.size > maxBytes) {
      const why = `${path} is not a file of at most ${maxBytes} bytes`;
      return { ...none, answer: { kind: "unreadable", why } };
    }
    const identity = [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(" ");
    return before?.identity === identity
      ? { identity, answer: before.answer }
      : { identity, answer: { kind: "sections", sections: parsePlugins(readFileSync(path, "utf8")) } };
  } catch (error) {
    const code = errorCode(error);
    const missing = code === "ENOENT" || code === "ENOTDIR";
    const why = `${path}: ${code || String(error)}`;
    return { ...none, answer: missing ? { kind: "missing" } : { kind: "unreadable", why } };
  }
}
