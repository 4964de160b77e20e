/**
 * Addresses of a source that are outside its relay domains: usual if people have private ones, and a sign that a relay
 * domain is misspelt.
 */
import type { Log } from "../../src/report/log.ts";
import type { LeftOut } from "../left-out.ts";
import { foreignText } from "../sources/hint-words.ts";

/** Domains that are counted: a foreign directory could name any number. */
const maxDomains = 1000;

/** Notes them while a source is read. */
export interface ForeignDomains {
  note(left: readonly LeftOut[]): void;
  /** One line, at warning if the source gave no address of the relay domains. */
  tell(log: Log, source: string, addresses: number): void;
}

/** None so far. */
export function createForeignDomains(): ForeignDomains {
  const domains = new Map<string, number>();
  return {
    note(left) {
      for (const { value, why } of left) {
        if (why === "foreign domain") {
          const domain = value.slice(value.lastIndexOf("@") + 1);
          if (domains.has(domain) || domains.size < maxDomains) {
            domains.set(domain, (domains.get(domain) ?? 0) + 1);
          }
        }
      }
    },
    tell(log, source, addresses) {
      if (domains.size > 0) {
        log[addresses === 0 ? "warning" : "info"]("sync", "source hint", { source, hint: foreignText(domains) });
      }
    },
  };
}
