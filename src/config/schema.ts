/** The core sections of the configuration file, each made when it is first asked for. The sample file is printed from here. */
import type * as z from "zod";

import { clients, domains } from "./clients.ts";
import { guard } from "./guard.ts";
import { lateShape } from "./late.ts";
import { limits } from "./limits.ts";
import { log } from "./logging.ts";
import { lookup } from "./lookups.ts";
import { metrics } from "./metrics.ts";
import { scim } from "./scim.ts";
import { control, deliverabled, dns, state } from "./services.ts";
import { smtp } from "./smtp.ts";
import { snapshot } from "./snapshot.ts";
import { source } from "./sources.ts";
import { alert, sync } from "./sync-sections.ts";
import { trace } from "./trace.ts";
import { publish, pull } from "./transfer.ts";
import { web } from "./web.ts";

/** The sections that every goodmailto has; checks add `[checks.NAME]`, see sections.ts. */
export const coreSections = lateShape({
  smtp: () => smtp,
  domains: () => domains,
  clients: () => clients,
  snapshot: () => snapshot,
  sync: () => sync,
  alert: () => alert,
  log: () => log,
  trace: () => trace,
  limits: () => limits,
  dns: () => dns,
  state: () => state,
  control: () => control,
  deliverabled: () => deliverabled,
  scim: () => scim,
  metrics: () => metrics,
  web: () => web,
  pull: () => pull,
  guard: () => guard,
});
/** Sections that may occur several times. */
export const coreLists = lateShape({ source: () => source, publish: () => publish, lookup: () => lookup });

export type { PublishSettings, PullSettings } from "./transfer.ts";
export type { SourceSettings } from "./sources.ts";
export type { RecipientSettings } from "./recipients.ts";
export type SyncSettings = z.infer<typeof sync>;
