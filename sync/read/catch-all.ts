/** Catch-all addresses of a source: until the list replaced them, unknown users of their domains got mail. */
import type { Log } from "../../src/report/log.ts";
import type { LeftOut } from "../left-out.ts";

/** Notes them while a source is read. */
export interface CatchAlls {
  note(left: readonly LeftOut[]): void;
  /** One warning for all of them; none where there is none. */
  warn(log: Log, source: string): void;
}

/** Domains that the warning names. */
const maxDomains = 20;

/** None so far. */
export function createCatchAlls(): CatchAlls {
  const domains = new Set<string>();
  let addresses = 0;
  return {
    note(left) {
      for (const { value, why } of left) {
        if (why === "catch-all") {
          addresses += 1;
          domains.add(value.slice(value.lastIndexOf("@") + 1).toLowerCase());
        }
      }
    },
    warn(log, source) {
      if (addresses > 0) {
        const named = [...domains].slice(0, maxDomains).join(" ");
        log.warning("sync", "catch-all addresses left out, unknown users of their domains are refused", {
          source,
          addresses,
          domains: named,
        });
      }
    },
  };
}
