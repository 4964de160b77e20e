/**
 * What came into a directory since it was read: entries whose time of change, or change number, is beyond that of
 * then. It finds what is new, never what is gone. Times are the server's own; its clock and the sync's need not agree.
 *
 * A time is taken back by the length of the reading and a minute: what was changed meanwhile, or came from
 * another server later, is read once more.
 */
import type { SearchEntry } from "ldapts";

import type { ChangeAttribute } from "../presets/preset.ts";
import { SourceFault } from "../source.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { checkResult, searchRequest } from "./paged-search.ts";

/** Up to where changes are known: the word in the snapshot, `modifyTimestamp 20261121115837`. */
export type Reached = string;

/** ms */
const margin = 60_000;

/** Notes while entries are read up to where changes are known afterwards. */
export interface Watch {
  /** To be asked for with every entry; "" is none. */
  readonly attribute: string;
  note(entries: readonly SearchEntry[]): void;
  /** "" if no entry showed its time. */
  reached(): Reached;
}

/**
 * Starts a watch, before the first entry is asked for.
 * @param before up to where changes were known before; "" is not at all
 * @param now a monotonic clock in ms
 */
export async function startWatch(
  attribute: ChangeAttribute,
  connection: LdapConnection,
  before: Reached,
  now: () => number = () => performance.now(),
): Promise<Watch> {
  if (attribute === "uSNChanged") {
    const { number, server } = await readNumber(connection);
    const mark = number === "" ? "" : `${attribute} ${number} ${server}`;
    return { attribute: "", note: () => undefined, reached: () => mark };
  }
  const startedAt = now();
  const name = attribute.toLowerCase();
  let newest = "";
  return {
    attribute,
    note(entries) {
      for (const { attributes } of entries) {
        const value = String(attributes.find(({ type }) => type.toLowerCase() === name)?.values[0] ?? "").slice(0, 14);
        newest = /^\d{14}$/.test(value) && value > newest ? value : newest;
      }
    },
    reached() {
      const mark = newest === "" ? "" : `${attribute} ${earlier(newest, now() - startedAt + margin)}`;
      return mark > before || !before.startsWith(`${attribute} `) ? mark : before;
    },
  };
}

/** "20261121115837", so many ms earlier. */
function earlier(time: string, ms: number): string {
  const iso = time.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, "$1-$2-$3T$4:$5:$6Z");
  const at = Date.parse(iso);
  return Number.isNaN(at) ? time : new Date(at - ms).toISOString().replace(/\D/g, "").slice(0, 14);
}

/**
 * A filter for what is beyond.
 * @throws SourceFault if the mark is another server's, or of another attribute: only a full reading helps
 */
export async function changedFilter(
  attribute: ChangeAttribute,
  reached: Reached,
  filter: string,
  connection: LdapConnection,
): Promise<string> {
  const [name, value = "", server = ""] = reached.split(" ");
  if (name !== attribute || !/^\d+$/.test(value)) {
    throw new SourceFault("search", `Changes cannot be found by ${attribute} before the next full sync`);
  }
  switch (attribute) {
    case "modifyTimestamp":
      return `(&${filter}(modifyTimestamp>=${value}Z))`;
    case "entryCSN":
      return `(&${filter}(entryCSN>=${value}.000000Z#000000#000#000000))`;
    case "uSNChanged": {
      if ((await readNumber(connection)).server !== server) {
        throw new SourceFault(
          "search",
          "Another domain controller answers, which counts for itself: only a full sync helps",
        );
      }
      return `(&${filter}(uSNChanged>=${BigInt(value) + 1n}))`;
    }
  }
}

/** The highest change number of a domain controller, and which one it is. */
async function readNumber(connection: LdapConnection): Promise<{ readonly number: string; readonly server: string }> {
  const attributes = ["highestCommittedUSN", "dsServiceName"];
  const search = connection.search(
    searchRequest({ base: "", scope: "base", filter: "(objectClass=*)", attributes, controls: [] }),
  );
  const values = new Map<string, string>();
  for (;;) {
    const step = await search.next();
    if (step.done === true) {
      checkResult(step.value);
      break;
    }
    for (const { type, values: all } of step.value.flatMap((entry) => entry.attributes)) {
      values.set(type.toLowerCase(), String(all[0] ?? ""));
    }
  }
  const number = values.get("highestcommittedusn") ?? "";
  const server = encodeURIComponent(values.get("dsservicename") ?? "");
  return { number: /^\d{1,19}$/.test(number) && server !== "" ? number : "", server };
}
