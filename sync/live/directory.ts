/**
 * One address, asked of a directory now: known, restricted to some senders, suspended, or unknown. The entries that
 * come are converted as a sync converts them, so that who is disabled there is unknown here. With `live_filter` one
 * entry is enough. A few connections are kept open; questions wait for one, and not for ever.
 */

import type { SourceSettings } from "../../src/config/schema.ts";
import { type Mailbox, namesRoute, normalKey } from "../../src/mail/address.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { Conversion } from "../convert/addresses.ts";
import { createRules, type Rules } from "../convert/rules.ts";
import { createScope } from "../convert/scope.ts";
import { presetFor } from "../presets/preset-for.ts";
import { type FoundAddress, SourceFault } from "../source.ts";
import type { FoundEntry } from "../sources/found-entry.ts";
import { checkResult, searchRequest } from "../sources/paged-search.ts";
import { wholeEntry } from "../sources/ranges.ts";
import { liveFilter, type Wanted } from "./filter.ts";
import { Sessions } from "./sessions.ts";

/** What the directory says. `restricted`: not for everybody. `later`: takes no mail for a time. */
export type LiveAnswer = "known" | "restricted" | "later" | "unknown";

/** One source, ready to be asked. */
export interface LiveDirectory {
  readonly name: string;
  /** @throws SourceFault if the directory does not say */
  ask(recipient: Mailbox): Promise<LiveAnswer>;
  /** The addresses of the entries that have a recipient; none if there is no such entry. @throws SourceFault as above */
  find(recipient: Mailbox): Promise<readonly FoundAddress[]>;
  close(): void;
}

/** What it needs. */
export interface LiveOptions {
  readonly settings: SourceSettings;
  readonly domains: Domains;
  /** Every domain that stands for a relay domain, itself aside. */
  readonly aliasesOf: (domain: string) => readonly string[];
  /** The user parts that a user part stands for, as the relay looks them up. */
  readonly otherForms: (user: string, domain: string) => readonly string[];
  /** Where relative file names begin. */
  readonly folder: string;
  /** Called if the base does not exist, which is answered as unknown. */
  readonly warn: (fault: SourceFault) => void;
}

/** Entries that one address may have; more mean that `live_filter` asks for something else. */
const mostEntries = 100;
const noSuchObject = 32;

/** Opens nothing yet. @throws RangeError if the settings cannot be right */
export function createLiveDirectory(options: LiveOptions): LiveDirectory {
  const { settings, domains, folder, warn } = options;
  const preset = presetFor(settings);
  const rules = createRules(settings, preset, createScope(settings.domains, domains));
  const sessions = new Sessions(settings, folder);
  // The template is tried before anybody asks.
  liveFilter(settings, preset, { users: ["user"], domains: ["domain.example"] });
  const wantedBy = (recipient: Mailbox) => wantedOf(recipient, rules, options);
  return {
    name: settings.name,
    close: () => sessions.close(),
    async find(recipient) {
      const wanted = wantedBy(recipient);
      return wanted === undefined ? [] : (await search(sessions, settings, rules, wanted)).found;
    },
    async ask(recipient) {
      const wanted = wantedBy(recipient);
      if (wanted === undefined) {
        return "unknown";
      }
      try {
        const found = await search(sessions, settings, rules, wanted);
        return settings.live_filter === ""
          ? judge(found, wanted.users, wanted.own)
          : found.entries > 0
            ? "known"
            : "unknown";
      } catch (error) {
        if (error instanceof SourceFault && error.code === noSuchObject) {
          warn(error);
          return "unknown";
        }
        throw error;
      }
    },
  };
}

/** Undefined: it cannot be in the directory. Only a list takes an address that names a route, letter for letter. */
function wantedOf(
  { user, domain }: Mailbox,
  { scope }: Rules,
  { aliasesOf, otherForms }: Pick<LiveOptions, "aliasesOf" | "otherForms">,
): (Wanted & { readonly own: string }) | undefined {
  const own = scope.canonical(domain);
  return own === undefined || namesRoute(user)
    ? undefined
    : { own, users: [user, ...otherForms(user, own)], domains: [own, ...aliasesOf(own)] };
}

interface Result {
  readonly entries: number;
  readonly found: readonly FoundAddress[];
}

async function search(sessions: Sessions, settings: SourceSettings, rules: Rules, wanted: Wanted): Promise<Result> {
  const { addresses, exclusions, rules: restrictions, controls } = rules.preset;
  const names = [...addresses, ...exclusions, ...restrictions].map(({ attribute }) => attribute);
  const request = searchRequest({
    base: settings.base,
    scope: "sub",
    filter: liveFilter(settings, rules.preset, wanted),
    attributes: ["objectClass", ...new Set(names)],
    controls,
  });
  return sessions.use(async (connection) => {
    const raw: FoundEntry[] = [];
    const running = connection.search(request);
    for (;;) {
      const step = await running.next();
      if (step.done === true) {
        checkResult(step.value);
        break;
      }
      raw.push(...step.value);
      if (raw.length > mostEntries) {
        // The rest of the answer must not be taken for another one's.
        connection.close();
        throw new SourceFault("search", `More than ${mostEntries} entries for one address`);
      }
    }
    const conversion = new Conversion(rules);
    for (const entry of raw) {
      conversion.entry(await wholeEntry(entry, connection));
    }
    return conversion.take();
  });
}

/** The entry that is least restricted counts, as in the list. */
function judge({ found }: Result, users: readonly string[], domain: string): LiveAnswer {
  const keys = new Set<string>(users.flatMap((user) => [normalKey(user, domain), normalKey(user, "")]));
  const rules = found.filter(({ key }) => keys.has(key)).map(({ rule = "" }) => rule);
  if (rules.length === 0) {
    return "unknown";
  }
  if (rules.includes("")) {
    return "known";
  }
  return rules.every((rule) => rule === "later") ? "later" : "restricted";
}
