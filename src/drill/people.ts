/** The made-up recipients of the sandbox: in a directory as the preset of a source reads it, and in a list. */
import { presets } from "../../sync/presets/registry.ts";
import type { SourceSettings } from "../config/sources.ts";
import type { DirectoryEntry } from "../demo/entries.ts";
import { drillClass } from "./derive.ts";

/** More than the guards overlook: a half of them is missed by every guard that is set. */
const most = 200;

/** Numbered addresses, and those that the site's canaries name. */
export function peopleOf(domain: string, more: readonly string[] = []): readonly string[] {
  const numbered = Array.from({ length: most }, (_, i) => `drill.${String(i + 1).padStart(3, "0")}@${domain}`);
  // At the end: a list that is cut lacks them.
  return [...new Set([...numbered, ...more])];
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
