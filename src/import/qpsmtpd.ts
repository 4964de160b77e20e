/** A configuration of qpsmtpd, line by line: what becomes of each plugin, control file and list file. */
import { tomlValue } from "../config/toml-value.ts";
import type { ListEntry } from "../files/list-reader.ts";
import { parseHopPlace } from "../mail/next-hop.ts";
import { Arguments } from "./arguments.ts";
import { importControl, summary } from "./control.ts";
import type { Became, Draft } from "./draft.ts";
import type { OldFolder } from "./folder.ts";
import type { Known } from "./known.ts";
import { listFiles } from "./list-files.ts";
import type { Plugin, PluginLine, Values } from "./plugin.ts";
import { findPlugin } from "./plugins.ts";

type Fate = Omit<Became, "from">;

/** A line of config/plugins with what is known of its plugin. */
interface Named {
  readonly from: string;
  readonly name: string;
  /** Of `name:label`. */
  readonly label: string | undefined;
  readonly plugin: Plugin | undefined;
  readonly line: PluginLine;
}

/** Takes a configuration over. @param isFlat Debian's layout, which is always qpsmtpd 0.94 */
export function importQpsmtpd(draft: Draft, old: OldFolder, known: Known, isFlat: boolean): void {
  draft.set("control", "folders", old.folders);
  const lines = old.needed("plugins").map((entry) => readLine(entry, old, isFlat));
  const ways = new Translator(draft, known, lines);
  for (const line of lines) {
    draft.account({ from: line.from, ...ways.translate(line) });
  }
  for (const entry of old.entries("logging")) {
    draft.account({ from: placeOf(entry), kind: "other means", how: findPlugin("warn")?.here ?? "" });
  }
  draft.remark("smtp", "qpsmtpd_codes = true: refuse messages with 552 and 452 as before, in place of 554 and 451");
  importFiles(draft, old, importControl(draft, old, known, true));
}

/** As `plugins:33: text`. */
function placeOf({ path, line, text }: ListEntry): string {
  return `${path.slice(path.lastIndexOf("/") + 1)}:${line}: ${text}`;
}

function readLine(entry: ListEntry, { entries }: OldFolder, isFlat: boolean): Named {
  const [word = "", ...words] = entry.text.split(/\s+/);
  const [, name = word, label] = /^([^:]+):([\w-]+)$/.exec(word) ?? [];
  const own = name.slice(name.lastIndexOf("/") + 1);
  const isModern = isFlat || !own.startsWith("check_");
  const line = { args: new Arguments(words), isModern, entries };
  return { from: placeOf(entry), name, label, plugin: findPlugin(name), line };
}

/** A check may be named by several lines, under one name of its plugin or several: each line becomes an instance. */
function nameInstances(lines: readonly Named[]): ReadonlyMap<Named, string> {
  const checkOf = ({ plugin }: Named): string => (plugin?.becomes.kind === "check" ? plugin.becomes.check : "");
  const names = new Map<Named, string>();
  for (const [check, all] of Map.groupBy(lines, checkOf)) {
    if (check === "" || all.length === 1) {
      continue;
    }
    const taken = new Set<string>();
    const free = (wanted: string): string => {
      let name = wanted;
      for (let n = 2; taken.has(name); n++) {
        name = `${wanted}-${n}`;
      }
      taken.add(name);
      return name;
    };
    // What an administrator has named keeps its name, whatever stands before it.
    for (const named of all.filter(({ label }) => label !== undefined)) {
      names.set(named, free(named.label?.toLowerCase() ?? ""));
    }
    let number = 1;
    for (const named of all.filter(({ label }) => label === undefined)) {
      while (taken.has(String(number))) {
        number++;
      }
      names.set(named, free(String(number)));
    }
  }
  return names;
}

/** Turns lines into checks and settings. */
class Translator {
  readonly #draft: Draft;
  readonly #known: Known;
  /** The names of the instances, of lines that share their check with others. */
  readonly #instances: ReadonlyMap<Named, string>;

  constructor(draft: Draft, known: Known, lines: readonly Named[]) {
    this.#draft = draft;
    this.#known = known;
    this.#instances = nameInstances(lines);
  }

  translate(named: Named): Fate {
    const { plugin, line } = named;
    if (plugin === undefined) {
      return {
        kind: "nothing",
        how: "This plugin is not known. A qmail-spp plugin or a check of your own can take its place.",
      };
    }
    const { becomes, here } = plugin;
    switch (becomes.kind) {
      case "check":
        return this.#check(named, becomes.check, becomes.values?.(line) ?? {}, here);
      case "setting":
        return becomes.section === "route"
          ? this.#route(named, becomes.values?.(line) ?? {}, here)
          : this.#setting(named, becomes.section, becomes.keys, becomes.values?.(line) ?? {}, here);
      case "means":
        return { kind: "other means", how: here };
      case "nothing":
        return { kind: "nothing", how: here };
    }
  }

  #check(named: Named, check: string, values: Values, here: string): Fate {
    if (!this.#known.check(check)) {
      return { kind: "nothing", how: `This version has no check ${check}. ${here}` };
    }
    const instance = this.#instances.get(named);
    const label = instance === undefined ? check : `${check}:${instance}`;
    const { good, left } = this.#sift(`checks.${check}`, values);
    this.#draft.run(label, named.from);
    if (instance === undefined) {
      this.#write(`checks.${check}`, good, named.from);
    } else {
      this.#draft.add(`checks.${check}`, { name: instance, ...good }, named.from);
    }
    return { kind: "check", how: `"${label}"${shown(good)}. ${here}${left}` };
  }

  #setting({ from }: Named, section: string, keys: readonly string[], values: Values, here: string): Fate {
    if (!keys.some((key) => this.#known.setting(section, key))) {
      return { kind: "nothing", how: `This version has no [${section}] ${keys.join(", ")}. ${here}` };
    }
    const { good, left } = this.#sift(section, values);
    this.#write(section, good, from);
    const what = Object.keys(good).length === 0 ? `[${section}], to be written by hand` : `[${section}]${shown(good)}`;
    return { kind: "setting", how: `${what}. ${here}${left}` };
  }

  #route({ from }: Named, values: Values, here: string): Fate {
    const hop = values["next_hop"];
    if (typeof hop !== "string" || parseHopPlace(hop) === undefined) {
      return { kind: "nothing", how: `No next hop of this version. ${here}` };
    }
    if (this.#draft.has("route")) {
      return { kind: "nothing", how: `There is a next hop already. ${here}` };
    }
    this.#draft.add("route", { domain: "*", next_hop: hop }, from);
    return { kind: "setting", how: `[[route]] next_hop = "${hop}". ${here}` };
  }

  /** What this version has of some settings, and words about the rest. */
  #sift(section: string, values: Values): { readonly good: Values; readonly left: string } {
    const entries = Object.entries(values);
    const fits = ([key, value]: [string, unknown]): boolean => this.#known.accepts(section, key, value, values);
    const good = entries.filter(fits);
    const rest = entries.filter((entry) => !fits(entry)).map(([key, value]) => `${key} = ${tomlValue(value)}`);
    const left = rest.length === 0 ? "" : ` Left out, since this version does not take it: ${rest.join(", ")}.`;
    return { good: Object.fromEntries(good), left };
  }

  #write(section: string, values: Values, from: string): void {
    for (const [i, [key, value]] of Object.entries(values).entries()) {
      this.#draft.set(section, key, value, i === 0 ? from : undefined);
    }
  }
}

function shown(values: Values): string {
  const keys = Object.keys(values);
  return keys.length === 0 ? "" : ` with ${keys.join(", ")}`;
}

/** Files of qpsmtpd itself. */
const ownFiles: Readonly<Record<string, string>> = {
  plugins: "",
  logging: "",
  plugin_dirs: "Checks are part of goodmailto.",
  spool_dir: "There is no spool: messages are in memory, or in an unlinked file of $RUNTIME_DIRECTORY.",
  loglevel: "There is one level: verdicts, warnings and errors.",
  IP: "[smtp] listen says where to listen.",
  invalid_resolvable_fromhost: "There is no such check.",
};

/** The files that are left: lists of checks, and what nobody reads. */
function importFiles(draft: Draft, old: OldFolder, done: ReadonlySet<string>): void {
  for (const name of old.names().filter((one) => !done.has(one) && ownFiles[one] !== "")) {
    const check = listFiles[name];
    const isRead = check !== undefined && draft.runs(check);
    const from = summary(name, name.endsWith(".cdb") ? [] : old.entries(name));
    if (isRead) {
      draft.account({ from, kind: "check", how: `List of "${check}", read where it is.` });
    } else if (/^(?:more|no)?relayclients(?:\.cdb)?$/.test(name)) {
      draft.account({ from, kind: "setting", how: "[clients], if a plugin reads it." });
    } else {
      const why =
        ownFiles[name] ??
        (check === undefined ? "Nothing reads it." : `List of "${check}", which no plugin of the list becomes.`);
      draft.account({ from, kind: "nothing", how: why });
    }
  }
}
