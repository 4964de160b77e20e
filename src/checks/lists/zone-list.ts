/** Zones of DNS lists, as files and settings name them: qpsmtpd's `zone` or `zone:text with %IP%`. */
import type * as z from "zod";

import * as field from "../../config/fields.ts";
import { parseSource } from "../../dns/lists.ts";
import type { DnsListSource } from "../../dns/lists.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";

/** A list that blocks; without a message its TXT record is the reply's text. */
export type BlockZone = Extract<DnsListSource, { kind: "block" }>;

/** Undefined if the text names no zone. */
export function parseZone(text: string): BlockZone | undefined {
  const source = parseSource(`r:${text}`);
  return source?.kind === "block" ? source : undefined;
}

/** The zones of a file in its order, each once. */
export function readZones(entries: readonly ListEntry[], skip: Remark): readonly BlockZone[] {
  const zones = new Map<string, BlockZone>();
  for (const entry of entries) {
    const zone = parseZone(entry.text);
    if (zone === undefined) {
      skip(entry, 'is not a zone: an entry is "zone" or "zone:text"');
    } else if (!zones.has(zone.zone)) {
      zones.set(zone.zone, zone);
    }
  }
  return [...zones.values()].slice(0, mostZones);
}

/** Each costs questions for every client. */
export const mostZones = 50;

/** How long a client may be kept waiting for lists. @param sample the original's own time */
export function listsTimeout(sample: string): z.ZodType<number> {
  return field.duration(
    sample,
    "How long all lists together may delay a client, from its first RCPT on. A list that answers later counts at the next RCPT. [dns] timeout limits each single query.",
    ["10ms", "60s"],
  );
}

/** Allowed text of a setting that lists zones. */
export const zoneRule = {
  allowed: '"zone" or "zone:text"',
  fits: (text: string): boolean => parseZone(text) !== undefined,
};
