/** What the tests of sources share: settings with the configuration's own defaults, and a source read to its end. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { type SourceSettings, coreLists } from "../../src/config/schema.ts";
import { createDomains, type Domains } from "../../src/mail/domains.ts";
import { presets } from "../../sync/presets/registry.ts";
import { openSource } from "../../sync/sources/open.ts";
import { type FoundAddress, type Source, SourceFault } from "../../sync/source.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";

/** The relay domains of the test directories. */
export const kontor: Domains = createDomains(["kontor.example"], { "kontor.test": "kontor.example" });

/** A `[[source]]` section; what is not given has the default of the configuration. */
export function sourceSettings(settings: Partial<SourceSettings>): SourceSettings {
  return coreLists.source.parse({
    name: "test",
    type: "ldap",
    url: ["ldap://127.0.0.1"],
    ...settings,
    timeout: `${settings.timeout ?? 10_000}ms`,
  });
}

/** A type of source that the preset is for. */
export function typeFor(preset: SourceSettings["preset"]): SourceSettings["type"] {
  const { shape } = presets[preset];
  return shape === "tree" ? "ldap" : shape;
}

/** A source from such a section. */
export function source(settings: Partial<SourceSettings>, domains: Domains = kontor, folder = "/nowhere"): Source {
  return openSource(sourceSettings(settings), domains, folder);
}

export interface Reading {
  readonly entries: number;
  readonly batches: number;
  readonly found: readonly FoundAddress[];
  readonly keys: ReadonlySet<string>;
  readonly skipped: Readonly<Record<string, number>>;
  readonly hints: readonly string[];
}

/** Reads to the end. @throws SourceFault as the source does */
export async function readAll(from: Source, signal: AbortSignal = AbortSignal.timeout(20_000)): Promise<Reading> {
  let entries = 0;
  let batches = 0;
  const found: FoundAddress[] = [];
  const skipped: Record<string, number> = {};
  const hints: string[] = [];
  for await (const batch of from.read(signal)) {
    entries += batch.entries;
    batches += 1;
    hints.push(...(batch.hints ?? []).map(({ text }) => text));
    for (const one of batch.found) {
      found.push(one);
    }
    for (const [why, count] of Object.entries(batch.skipped)) {
      skipped[why] = (skipped[why] ?? 0) + count;
    }
  }
  return { entries, batches, found, keys: new Set(found.map(({ key }) => key)), skipped, hints };
}

/** The error with which a reading ends. @throws Error if it ends well */
export async function faultOf(from: Source, signal?: AbortSignal): Promise<SourceFault> {
  try {
    const { entries } = await readAll(from, signal);
    throw new Error(`The source gave ${entries} entries and no fault`);
  } catch (error) {
    if (error instanceof SourceFault) {
      return error;
    }
    throw error;
  }
}

/** Reads an LDIF export to its end. */
export async function readLdif(settings: Partial<SourceSettings>, ldif: string): Promise<Reading> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "export.ldif"), ldif);
  return readAll(source({ ...settings, type: "ldif", url: ["export.ldif"] }, undefined, folder));
}
