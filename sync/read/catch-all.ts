/**
 * Catch-all addresses of a source: those that were left out, by which unknown users of their domains got mail until
 * the list replaced them, and those that are in the list, by which whole domains are open.
 */
import type { Log } from "../../src/report/log.ts";
import type { LeftOut } from "../left-out.ts";
import type { Batch } from "../source.ts";

/** Notes them while a source is read. */
export interface CatchAlls {
  note(batch: Pick<Batch, "found" | "left">): void;
  /** One warning for all of a sort; none if there is none. */
  warn(log: Log, source: string): void;
}

/** Domains that a warning names. */
const maxDomains = 20;

/** None so far. */
export function createCatchAlls(): CatchAlls {
  const [open, out] = [createNames(), createNames()];
  return {
    note({ found, left = [] }) {
      for (const { key, kind } of found) {
        if (kind === "catchall") {
          open.add(key);
        }
      }
      for (const { value } of left.filter(isCatchAll)) {
        out.add(value);
      }
    },
    warn(log, source) {
      out.warn(log, "catch-all addresses left out, unknown users of their domains are refused", source);
      open.warn(log, "catch-all addresses in the list, every address of their domains is accepted", source);
    },
  };
}

function isCatchAll({ why }: LeftOut): boolean {
  return why === "catch-all";
}

function createNames() {
  const domains = new Set<string>();
  let addresses = 0;
  return {
    add(text: string): void {
      addresses += 1;
      domains.add(text.slice(text.lastIndexOf("@") + 1).toLowerCase());
    },
    warn(log: Log, event: string, source: string): void {
      if (addresses > 0) {
        log.warning("sync", event, { source, addresses, domains: [...domains].slice(0, maxDomains).join(" ") });
      }
    },
  };
}
