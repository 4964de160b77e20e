/** Lists of checks whose file is missing, so that nothing is refused by them, and lines of lists that are left out. */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";

import { fieldMeta } from "../config/fields.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import type { Dns } from "../dns/resolver.ts";
import { openList, openMap } from "../files/list-file.ts";
import type { ListFault } from "../files/list-file.ts";
import type { Watched } from "../files/watched.ts";
import type { CheckDefinition } from "../hooks/check.ts";
import type { Lists } from "../hooks/services.ts";
import { createDomains } from "../mail/domains.ts";
import { noPost } from "../mail/notice.ts";
import { reply } from "../mail/reply.ts";
import { silentLog } from "../report/log.ts";
import type { Log } from "../report/log.ts";
import type { Recipients } from "../snapshot/recipients.ts";
import { MemoryStore } from "../state/memory.ts";
import { noCounters } from "../report/counters.ts";
import { ScannerPlaces } from "../scanners/scanners.ts";
import { State } from "../state/state.ts";
import { createSameNextHop } from "./next-hops.ts";
import { sectionsOfChecks } from "./check-sections.ts";
import type { CheckSection } from "./check-sections.ts";

/** One warning for each list file of a check that runs and that is nowhere. */
export function missingLists(settings: Settings): Warning[] {
  return runningSections(settings).flatMap(({ check, path, values }) =>
    listKeys(check).flatMap((key) => {
      const file = values[key];
      return typeof file !== "string" ||
        file === "" ||
        settings.control.urls.length > 0 ||
        isThere(file, settings.control.folders)
        ? []
        : [{ path: [...path, key], message: `"${file}" is missing: it lists nothing until it is there` }];
    }),
  );
}

/** Checks that run anywhere. */
function runningSections(settings: Settings): CheckSection[] {
  const run = new Set([settings.checks.run, ...settings.listener.map(({ checks }) => checks ?? [])].flat());
  return sectionsOfChecks(settings, [...run]).filter(({ label, values }) => run.has(label) && values.mode !== "off");
}

/** The settings of a check that name lists. */
function listKeys({ settings }: CheckDefinition): string[] {
  return Object.entries(settings)
    .filter(([, type]) => fieldMeta(type)?.mayBeMissing === true)
    .map(([key]) => key);
}

/** Nothing is asked over the network. */
const nothing = { kind: "absent", ttl: 0 } as const;
const noDns: Dns = { a: () => nothing, aaaa: () => nothing, mx: () => nothing, txt: () => nothing, ptr: () => nothing };
const noAnswer = { kind: "unavailable", why: "not asked" } as const;
const noRecipients: Recipients = { find: () => noAnswer, isAlways: () => false, unknown: () => reply(550, "5.1.1") };

/** Reads every list of every check that runs, as the relay would; one warning for each line that it would report. */
export function faultyLines(settings: Settings): Warning[] {
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const sameNextHop = createSameNextHop(settings, domains);
  return runningSections(settings).flatMap(({ check, path, values }) => {
    if (listKeys(check).length === 0) {
      return [];
    }
    const warnings: Warning[] = [];
    const fault: ListFault = (_event, facts) => void warnings.push({ path, message: facts.fault });
    const lists = readingLists(settings.control.folders, fault);
    const state = new State(new MemoryStore(), silentLog);
    // A warning that a check gives when it starts counts like one about a line.
    const log: Log = {
      ...silentLog,
      error: (_part, event, facts = {}) =>
        void warnings.push({ path, message: [event, ...Object.values(facts).map((fact) => `"${fact}"`)].join(": ") }),
    };
    check.create(values, {
      label: check.name,
      recipients: noRecipients,
      domains,
      sameNextHop,
      dns: noDns,
      lists,
      state,
      scanner: new ScannerPlaces("", silentLog, noCounters, Date.now).of(check.name),
      hostname: "",
      post: noPost,
      log,
      now: Date.now,
    });
    return warnings;
  });
}

/** Lists that are read when they are opened. */
function readingLists(folders: readonly string[], fault: ListFault): Lists {
  const place = { folders, now: Date.now, fault };
  const read = <T>(list: Watched<T>): Watched<T> => {
    list.current();
    return list;
  };
  return {
    list: (name, make) => read(openList(name, place, make)),
    map: (name) => read(openMap(name, place)),
    // What is not a list has no faulty lines.
    path: () => "",
  };
}

function isThere(name: string, folders: readonly string[]): boolean {
  const paths = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  return paths.some((path) => existsSync(path) || existsSync(`${path}.cdb`));
}
