/**
 * What came into a directory since it was read: entries whose time of change, or change number, is beyond that of
 * then. It finds what is new, never what is gone. Times are the server's own; its clock and the sync's need not agree.
 *
 * A time is taken back by the length of the reading and a minute: what was changed meanwhile, or came from
 * another server later, is read once more.
 */
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
  /** Its first value in an entry. */
  note(bytes: Buffer, start: number, end: number): void;
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
  // The global `performance` loads nine modules of Node.
  now: () => number = () => Number(process.hrtime.bigint()) / 1e6,
): Promise<Watch> {
  if (attribute === "uSNChanged") {
    const { number, server, database } = await readNumber(connection);
    const mark = number === "" ? "" : `${attribute} ${number} ${server} ${database}`.trimEnd();
    return { attribute: "", note: () => undefined, reached: () => mark };
  }
  const startedAt = now();
  let newest = "";
  return {
    attribute,
    note(bytes, start, end) {
      if (isLater(bytes, start, end, newest)) {
        const value = bytes.toString("latin1", start, Math.min(end, start + 14));
        newest = /^\d{14}$/.test(value) ? value : newest;
      }
    },
    reached() {
      const mark = newest === "" ? "" : `${attribute} ${earlier(newest, now() - startedAt + margin)}`;
      return mark > before || !before.startsWith(`${attribute} `) ? mark : before;
    },
  };
}

/** Whether octets come after a text, as far as that goes. */
function isLater(bytes: Buffer, start: number, end: number, text: string): boolean {
  for (let at = 0; at < text.length && start + at < end; at += 1) {
    const octet = bytes[start + at] ?? 0;
    if (octet !== text.charCodeAt(at)) {
      return octet > text.charCodeAt(at);
    }
  }
  return text === "";
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
  const [name, value = "", server = "", database = ""] = reached.split(" ");
  if (name !== attribute || !/^\d+$/.test(value)) {
    throw new SourceFault("search", `Changes cannot be found by ${attribute} before the next full sync`);
  }
  switch (attribute) {
    case "modifyTimestamp":
      return `(&${filter}(modifyTimestamp>=${value}Z))`;
    case "entryCSN":
      return `(&${filter}(entryCSN>=${value}.000000Z#000000#000#000000))`;
    case "uSNChanged": {
      const why = otherCount({ number: value, server, database }, await readNumber(connection));
      if (why !== undefined) {
        throw new SourceFault("search", `${why}: only a full sync helps`);
      }
      return `(&${filter}(uSNChanged>=${BigInt(value) + 1n}))`;
    }
  }
}

/** How far a domain controller has counted its changes. */
interface Count {
  /** "" if it does not say. */
  readonly number: string;
  readonly server: string;
  /** Its invocationId: another one after the controller was restored from a backup. "" if it may not be read. */
  readonly database: string;
}

/** Why what was counted before says nothing about now. */
function otherCount(before: Count, now: Count): string | undefined {
  if (before.server !== now.server) {
    return "Another domain controller answers, which counts for itself";
  }
  if (before.database !== now.database && before.database !== "" && now.database !== "") {
    return "The domain controller has another invocationId, as after a restored backup, and counts its changes anew";
  }
  return now.number === "" || BigInt(now.number) < BigInt(before.number)
    ? "The domain controller has counted fewer changes than before, as after a restored snapshot of its machine"
    : undefined;
}

/** The highest change number of a domain controller, and which one it is. */
async function readNumber(connection: LdapConnection): Promise<Count> {
  const values = await readEntry("", ["highestCommittedUSN", "dsServiceName"], connection);
  const number = values.get("highestcommittedusn")?.toString() ?? "";
  const name = values.get("dsservicename")?.toString() ?? "";
  if (!/^\d{1,19}$/.test(number) || name === "") {
    return { number: "", server: encodeURIComponent(name), database: "" };
  }
  const more = await readEntry(name, ["invocationId"], connection).catch(withoutAnswer);
  return { number, server: encodeURIComponent(name), database: more.get("invocationid")?.toString("hex") ?? "" };
}

/** The first values of some attributes of one entry, by name in lower case. @throws SourceFault */
async function readEntry(
  base: string,
  attributes: readonly string[],
  connection: LdapConnection,
): Promise<ReadonlyMap<string, Buffer>> {
  const filter = "(objectClass=*)";
  const search = connection.search(searchRequest({ base, scope: "base", filter, attributes, controls: [] }));
  const values = new Map<string, Buffer>();
  for (;;) {
    const step = await search.next();
    if (step.done === true) {
      checkResult(step.value);
      return values;
    }
    for (const { type, octets } of step.value.flatMap((entry) => entry.attributes)) {
      values.set(type.toLowerCase(), octets[0] ?? Buffer.alloc(0));
    }
  }
}

/** The server's entry may be hidden; a connection that is broken will be told of by the next search. */
function withoutAnswer(): ReadonlyMap<string, Buffer> {
  return new Map();
}
