/** What checks may use, for tests: nothing is asked over the network, lists are in one folder, state is in memory. */
import { createLists } from "../../src/compose/lists.ts";
import type { Services } from "../../src/hooks/services.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { State } from "../../src/state/state.ts";
import { resolverOf } from "../dns/resolver-of.ts";

/** Services with some of a test's own. @param more `folders`: where lists are; the rest as in `Services` */
export function servicesFor({
  folders = [],
  ...more
}: Partial<Services> & { readonly folders?: readonly string[] } = {}): Services {
  const { log = silentLog, now = Date.now } = more;
  return {
    recipients: { find: () => ({ kind: "unavailable" }) as never },
    domains: createDomains([]),
    dns: more.dns ?? resolverOf(),
    lists: createLists(folders, "test", log, now),
    state: new State(new MemoryStore(), log),
    log,
    now,
    ...more,
  };
}
