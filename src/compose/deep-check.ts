/** What only shows when the files behind a configuration are read as `serve` and `sync` would read them. */
import { accessSync, constants, readFileSync } from "node:fs";
import { dirname } from "node:path";

import { resolvePath } from "../config/setting-files.ts";
import type { Loaded } from "../config/load.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";
import type { Fault } from "../config/toml.ts";
import { refuseAuthorities } from "../files/authorities.ts";
import { createDomains } from "../mail/domains.ts";
import { parseMailbox } from "../mail/address.ts";
import { readTrust } from "../snapshot/trust.ts";
import { tryBackEnds } from "./authenticators.ts";
import { tlsFaults } from "./certificates.ts";
import { FileFault } from "./file-fault.ts";
import { listenersOf } from "../config/listening.ts";
import { readRules } from "./client-rules.ts";
import { scimParts } from "./scim.ts";
import { stateFaults } from "./state-place.ts";
import { errorMessage, fileErrorMessage } from "../report/error-message.ts";
import { silentLog } from "../report/log.ts";

type Good = Extract<Loaded, { kind: "ok" }>;

/** Every error in client rules, password files, certificates, keys, canaries and sources, one line each. Connects to nothing. */
export async function deepFaults(file: string, { settings, given }: Good): Promise<string[]> {
  const at: At = (path, message) => formatFault(given.fault(path, message));
  const rules = [...new Set(listenersOf(settings).map((listener) => listener.rules))];
  return [
    ...rules.flatMap((path) => faultsOf(() => readRules(path))),
    ...backEndFaults(settings),
    ...[...stateFaults(settings), ...tlsFaults(settings)].map(({ path, message }) => at(path, message)),
    ...authorityFaults(file, settings, at),
    ...(await keyFaults(file, settings, at)),
    ...canaryFaults(settings, at),
    ...(await sourceFaults(file, settings, at)),
    ...(settings.scim.token_file === "" ? [] : faultsOf(() => scimParts(settings, file))),
    ...(await keyFileFaults(file, settings, at)),
  ];
}

/** What would keep the relay from starting: lines of the password file, say. */
function backEndFaults({ auth, domains }: Settings): string[] {
  const services = { log: silentLog, domains: createDomains(domains.relay, domains.aliases) };
  return faultsOf(() => tryBackEnds(auth, services));
}

type At = (path: readonly PropertyKey[], message: string) => string;

/** The keys of `[snapshot]`, by the code with which relay and sync read them. */
async function keyFaults(file: string, settings: Settings, at: At): Promise<string[]> {
  const { snapshot, recipients } = settings;
  const none = { key_file: "", public_key_file: "", signing_key_file: "" };
  // As below: the sync's code is loaded only here.
  const { readSealing } = await import("./sealing.ts");
  const attempt = (key: keyof typeof none, read: (only: Settings["snapshot"]) => unknown): string[] => {
    try {
      read({ ...snapshot, ...none, [key]: snapshot[key] });
      return [];
    } catch (error) {
      return [at(["snapshot", key], errorMessage(error))];
    }
  };
  return [
    ...attempt("key_file", (only) => readTrust(only, recipients.match)),
    ...attempt("public_key_file", (only) => readTrust(only, recipients.match)),
    ...attempt("signing_key_file", (only) => readSealing({ ...settings, snapshot: only, publish: [] }, dirname(file))),
  ];
}

/** An address of a foreign domain is in no list: every sync would be refused. */
function canaryFaults({ sync, domains }: Settings, at: At): string[] {
  const own = createDomains(domains.relay, domains.aliases);
  return sync.canaries.flatMap((text, i) => {
    const domain = parseMailbox(text)?.domain ?? "";
    return domain === "" || own.canonical(domain) !== undefined
      ? []
      : [at(["sync", "canaries", i], `"${text}" is outside the relay domains: no list will have it`)];
  });
}

/** The files of `ca_file`, which are read when a connection is made. */
function authorityFaults(file: string, settings: Settings, at: At): string[] {
  const { route, copy, control, source, publish, pull, state } = settings;
  const named = [
    ...route.map(({ ca_file: name }, i) => ({ path: ["route", i, "ca_file"], name })),
    ...copy.map(({ ca_file: name }, i) => ({ path: ["copy", i, "ca_file"], name })),
    ...source.map(({ ca_file: name }, i) => ({ path: ["source", i, "ca_file"], name })),
    ...publish.map(({ ca_file: name }, i) => ({ path: ["publish", i, "ca_file"], name })),
    { path: ["pull", "ca_file"], name: pull.ca_file },
    { path: ["control", "ca_file"], name: control.ca_file },
    { path: ["state", "ca_file"], name: state.ca_file },
  ];
  return named.flatMap(({ path, name }) => {
    const fault = name === "" ? undefined : authorityFault(resolvePath(file, name));
    return fault === undefined ? [] : [at(path, `"${name}" ${fault}`)];
  });
}

/** What may not be read is reported elsewhere. */
function authorityFault(path: string): string | undefined {
  try {
    return refuseAuthorities(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Warnings that need the code of the sync. */
export async function deepWarnings(file: string, { settings, given }: Good): Promise<Fault[]> {
  const { openSource } = await import("../../sync/sources/open.ts");
  const { hasDeltas } = await import("../../sync/source.ts");
  const { source, domains, sync } = settings;
  if (sync.delta === 0) {
    return [];
  }
  const own = createDomains(domains.relay, domains.aliases);
  const message =
    "has no effect: no [[source]] reports changes. A server whose preset has no change attribute, an LDIF file and a list do not";
  return source.some((each) => each.changes === "search" || hasDeltas(openSource(each, own, dirname(file))))
    ? []
    : [given.fault(["sync", "delta"], message)];
}

/** The lines of a file's faults. */
function faultsOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof FileFault) {
      return error.message.split("\n");
    }
    throw error;
  }
}

async function sourceFaults(file: string, { source, domains }: Settings, at: At): Promise<string[]> {
  // The sync's code is loaded only here: nothing of the relay may need it.
  const { openSource } = await import("../../sync/sources/open.ts");
  const own = createDomains(domains.relay, domains.aliases);
  return source.flatMap((each, i) => {
    try {
      openSource(each, own, dirname(file));
    } catch (error) {
      if (error instanceof RangeError) {
        return [sourceFault(each, i, error.message, at)];
      }
      throw error;
    }
    return each.url.flatMap((url, j) => {
      const path = fileOf(each.type, url);
      return path === undefined ? [] : unreadable(path, ["source", i, "url", j], file, at);
    });
  });
}

/** The file that a URL of a source names; undefined if it names a server, or a folder that is still to be made. */
/** Keys with which sources sign in. One that cannot be read at all is reported elsewhere. */
async function keyFileFaults(file: string, { source }: Settings, at: At): Promise<string[]> {
  const { readCredential } = await import("../../sync/sources/graph-sign-in.ts");
  const { readServiceAccount } = await import("../../sync/sources/google-sign-in.ts");
  const readers = { certificate_file: readCredential, key_file: readServiceAccount } as const;
  const faults = source.flatMap((each, i) =>
    (["certificate_file", "key_file"] as const).map(async (key) => {
      const name = each[key];
      const message = name === "" ? undefined : await whyNot(readers[key](name, dirname(file)));
      return message === undefined || message.startsWith("Cannot read") ? [] : [sourceFault(each, i, message, at)];
    }),
  );
  return (await Promise.all(faults)).flat();
}

/** Why something did not work; undefined if it did. */
async function whyNot(attempt: Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** The file that a URL of a source names; undefined if it names a server. */
function fileOf(type: Settings["source"][number]["type"], url: string): string | undefined {
  return type === "ldap" || type === "scim" || /^\w+:\/\//.test(url)
    ? undefined
    : url.replace(type === "sql" ? /^sqlite:/i : "", "");
}

/** The message begins with the setting that it is about, and is at its line. */
function sourceFault(source: Settings["source"][number], i: number, message: string, at: At): string {
  const own = message.replace(`source "${source.name}": `, "");
  const [word = ""] = own.split(" ");
  return Object.hasOwn(source, word) ? at(["source", i, word], own.slice(word.length + 1)) : at(["source", i], own);
}

function unreadable(path: string, place: readonly PropertyKey[], file: string, at: At): string[] {
  try {
    accessSync(resolvePath(file, path), constants.R_OK);
    return [];
  } catch (error) {
    return [at(place, `"${path}" cannot be read: ${fileErrorMessage(error)}; allowed: a readable file`)];
  }
}
