/** Control files that qpsmtpd and qmail-smtpd share: who the server is, whose mail it takes, and its limits. */
import { domainRule } from "../config/texts.ts";
import type { ListEntry } from "../files/list-reader.ts";
import { wholeNumber } from "./arguments.ts";
import type { Draft } from "./draft.ts";
import type { OldFolder } from "./folder.ts";
import type { Known } from "./known.ts";

/** Debian's package writes it if nobody has answered its question. */
const unset = "unset";

/** Sets a value that this version takes. @returns what became of it */
type Setter = (section: string, key: string, value: unknown) => string;

/**
 * Takes these files over.
 * @param ownName whether the server's own name is a relay domain, as in qpsmtpd's rcpt_ok
 * @returns the names of those that were there
 */
export function importControl(draft: Draft, old: OldFolder, known: Known, ownName: boolean): Set<string> {
  const set: Setter = (section, key, value) => {
    if (value === undefined || !known.accepts(section, key, value)) {
      return `${key} of [${section}] does not take it`;
    }
    return draft.set(section, key, value) ? `[${section}] ${key}` : `Another file has set ${key} already`;
  };
  const done = new Set<string>();
  for (const [name, step] of Object.entries(stepsOf(set, old, ownName))) {
    if (old.has(name)) {
      const isMap = name.endsWith(".cdb");
      const entries = isMap ? [] : old.entries(name);
      done.add(name);
      const how = entries.length === 0 && name !== "rcpthosts" && !isMap ? "Is empty." : step(entries);
      const isSet = how.startsWith("[");
      draft.account({ from: isMap ? name : summary(name, entries), kind: isSet ? "setting" : "nothing", how });
    }
  }
  if (!old.has("rcpthosts")) {
    const me = ownName ? old.entries("me") : [];
    const open = ownName ? "" : "qmail-smtpd relays for everybody without it, goodmailto never does. ";
    const how =
      me.length === 0
        ? `${open}Write the domains whose mail is taken into [domains] relay.`
        : relayDomains(set, textsOf(me));
    draft.account({ from: "rcpthosts: missing", kind: me.length === 0 ? "nothing" : "setting", how });
  }
  return done;
}

/** What becomes of each file. */
function stepsOf(
  set: Setter,
  old: OldFolder,
  ownName: boolean,
): Readonly<Record<string, (entries: readonly ListEntry[]) => string>> {
  return {
    me: ([me]) => set("smtp", "hostname", me?.text.toLowerCase()),
    smtpgreeting: ([greeting]) => set("smtp", "hostname", greeting?.text.split(/\s/, 1)[0]),
    rcpthosts: (entries) =>
      relayDomains(set, [
        ...textsOf([...(ownName ? old.entries("me") : []), ...entries, ...old.entries("morercpthosts")]),
        ...old.keys("morercpthosts.cdb"),
      ]),
    morercpthosts: () => "[domains] relay, with those of rcpthosts",
    "morercpthosts.cdb": () => "[domains] relay, with those of rcpthosts",
    databytes: ([bytes]) => size(set, bytes),
    timeoutsmtpd: ([seconds]) => idle(set, seconds),
    timeout: ([seconds]) => idle(set, seconds),
  };
}

/** A file in one line: its only entry, or how many it has. */
export function summary(name: string, entries: readonly ListEntry[]): string {
  return entries.length === 1 ? `${name}: ${entries[0]?.text ?? ""}` : `${name}: ${entries.length} lines`;
}

function textsOf(entries: readonly ListEntry[]): string[] {
  return entries.map(({ text }) => text);
}

function relayDomains(set: Setter, texts: readonly string[]): string {
  const names = [...new Set(texts.map((text) => text.toLowerCase()))].filter((name) => name !== unset);
  const good = names.filter((name) => domainRule.fits(name));
  const bad = names.filter((name) => !domainRule.fits(name));
  const left = bad.length === 0 ? "" : `; not domains, left out: ${bad.join(", ")}`;
  if (good.length === 0) {
    return `No domain in it: write those whose mail is taken into [domains] relay${left}`;
  }
  return `${set("domains", "relay", good)}${left}`;
}

function size(set: Setter, entry: ListEntry | undefined): string {
  const bytes = wholeNumber(entry?.text);
  return bytes === undefined ? "Is not a number." : set("smtp", "max_message_size", `${bytes}B`);
}

function idle(set: Setter, entry: ListEntry | undefined): string {
  const seconds = wholeNumber(entry?.text);
  return seconds === undefined || seconds === 0 ? "Is not a number." : set("smtp", "idle_timeout", `${seconds}s`);
}
