/** The made-up recipients of the sandbox: in a directory as the preset of a source reads it, and in a list. */
import { presets } from "../../sync/presets/registry.ts";
import type { Settings } from "../config/sections.ts";
import type { SourceSettings } from "../config/sources.ts";
import type { DirectoryEntry } from "../demo/entries.ts";

/** The marker of the entries of the sandbox, in place of the source's own filter. */
export const drillClass = "goodmailtoDrill";
/** More than the guards overlook: a half of them is missed by every guard that is set. */
export const most = 200;

/**
 * Numbered addresses, and those that the site's canaries name.
 * @param place of the source among the others: each lists people of its own
 */
export function peopleOf(place: number, domain: string, more: readonly string[] = []): readonly string[] {
  const user = place === 0 ? "drill" : `drill${place + 1}`;
  const numbered = Array.from({ length: most }, (_, i) => `${user}.${String(i + 1).padStart(3, "0")}@${domain}`);
  // At the end: a list that is cut lacks them.
  return [...new Set([...numbered, ...more])];
}

/**
 * The site's canaries by source, so that the guard by them has something to guard: each in the first source that may list
 * it. A bare user part is left out, for the sandbox has addresses alone.
 */
export function canariesOf({
  sync,
  source,
}: Pick<Settings, "sync" | "source">): ReadonlyMap<string, readonly string[]> {
  const addresses = sync.canaries.filter((address) => address.includes("@"));
  const owner = (address: string): string | undefined =>
    source.find(({ domains }) => domains.length === 0 || domains.includes(address.slice(address.lastIndexOf("@") + 1)))
      ?.name;
  return Map.groupBy(
    addresses.filter((address) => source.length === 0 || owner(address) !== undefined),
    (address) => owner(address) ?? "",
  );
}

/** Each address as an entry. */
export function entriesOf(people: readonly string[], source: SourceSettings): DirectoryEntry[] {
  const root = { dn: "o=Drill", attributes: { objectClass: ["organization"], o: ["Drill"] } };
  return [root, ...people.map((address, i) => entryOf(address, i, source))];
}

function entryOf(address: string, i: number, { attributes, preset }: SourceSettings): DirectoryEntry {
  const name = `Drill ${String(i + 1).padStart(3, "0")}`;
  const own =
    attributes.length > 0
      ? attributes.map((attribute) => [attribute, address])
      : presets[preset].addresses.flatMap(({ attribute, form, catchAll }) =>
          catchAll === true || !/^(?:address|invented|principal|prefixed)$/.test(form)
            ? []
            : [[attribute, form === "prefixed" ? `SMTP:${address}` : address]],
        );
  const all: Record<string, string[]> = {
    objectClass: ["top", "person", drillClass],
    cn: [name],
    ...(preset === "domino" ? { maildomain: ["DRILL"], mailsystem: ["1"], mailfile: [`mail\\${i}`] } : {}),
    ...Object.fromEntries(own.map(([attribute = "", value = ""]) => [attribute, [value]])),
  };
  return { dn: `cn=${name},o=Drill`, attributes: all };
}

/** A list file: one address per line. */
export function listOf(people: readonly string[]): string {
  return people.map((address) => `${address}\n`).join("");
}
