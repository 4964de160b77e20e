/** What checks may use, for tests: nothing is asked over the network, lists are in one folder, state is in memory. */
import { tmpdir } from "node:os";

import { createLists } from "../../src/compose/lists.ts";
import type { Services } from "../../src/hooks/services.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { noPost } from "../../src/mail/notice.ts";
import { reply } from "../../src/mail/reply.ts";
import { noCounters } from "../../src/report/counters.ts";
import { silentLog } from "../../src/report/log.ts";
import { ScannerPlaces } from "../../src/scanners/scanners.ts";
import type { RecipientAnswer, Recipients } from "../../src/snapshot/recipients.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { State } from "../../src/state/state.ts";
import { resolverOf } from "../dns/resolver-of.ts";

/** A directory that says the same of every recipient. */
export function recipientsOf(answer: RecipientAnswer): Recipients {
  const unknown = reply(550, "5.1.1", "No such user here");
  return { find: () => answer, isAlways: () => false, unknown: () => unknown };
}

/** Services with some of a test's own. @param more `folders`: where lists are; the rest as in `Services` */
export function servicesFor({
  folders = [],
  ...more
}: Partial<Services> & { readonly folders?: readonly string[] } = {}): Services {
  const { log = silentLog, now = Date.now } = more;
  return {
    label: "test",
    recipients: recipientsOf({ kind: "unavailable", why: "none" }),
    domains: createDomains([]),
    sameNextHop: () => true,
    dns: more.dns ?? resolverOf(),
    lists: createLists(folders, "test", log, now),
    state: new State(new MemoryStore(), log),
    scanner: new ScannerPlaces(tmpdir(), log, noCounters, now).of("test"),
    hostname: "mx.kontor.example",
    post: noPost,
    log,
    now,
    ...more,
  };
}
