/** Puts the whole schema together: the core sections and those of the checks that the caller knows. */
import * as z from "zod";

import { checkSection, instanceSections, ownRunList, runList } from "./check-sections.ts";
import type { CheckSettings, CheckTable, CheckValues } from "./check-sections.ts";
import * as field from "./fields.ts";
import { backEndFaults } from "./back-ends.ts";
import type { BackEndSettings } from "./back-ends.ts";
import { authSection, listener, tls } from "./listeners.ts";
import type { AuthSettings } from "./listeners.ts";
import { domain } from "./own-domains.ts";
import type { RecipientSettings } from "./recipients.ts";
import { routeSection, sourceHopFaults } from "./routes.ts";
import type { CourierSettings } from "./routes.ts";
import { coreLists, coreSections } from "./schema.ts";

/** A section that is not in the file is one whose keys all have their defaults. */
const none = {} as never;

const runDoc =
  "Which checks run, in this order at every hook that they have; a check that is not in the list does not run. `goodmailto checks` describes them.";
const listenerDoc = "As [checks] run, for this listener. Not given: the same.";
const load = field.list(
  [],
  "Files of checks from outside, relative to this file; `goodmailto checks new NAME` writes one to begin with.",
);

/** Of the services on the internal network. */
const inside = {
  deliverabled: coreSections.deliverabled.prefault(none),
  scim: coreSections.scim.prefault(none),
};

/** What tells people and programs how it is. */
const told = {
  log: coreSections.log.prefault(none),
  trace: coreSections.trace.prefault(none),
  metrics: coreSections.metrics.prefault(none),
  web: coreSections.web.prefault(none),
};

const lists = {
  domain: z.array(domain).prefault([]),
  source: z.array(coreLists.source).prefault([]),
  publish: z.array(coreLists.publish).prefault([]),
  lookup: z.array(coreLists.lookup).prefault([]),
};

/**
 * The schema of the whole file.
 * @param several the checks that the file has several times, as `[[checks.NAME]]`
 */
export function createSchema(
  checks: readonly CheckSettings[],
  backEnds: readonly BackEndSettings[],
  couriers: readonly CourierSettings[],
  several: ReadonlySet<string> = new Set(),
) {
  const { sectioned, table } = sectionsOf(checks, several);
  const file = z.strictObject({
    smtp: coreSections.smtp.prefault(none),
    domains: coreSections.domains.prefault(none),
    clients: coreSections.clients.prefault(none),
    snapshot: coreSections.snapshot.prefault(none),
    // Made by names that the type cannot see.
    ...(sectioned as unknown as SectionedChecks),
    guard: coreSections.guard.prefault(none),
    sync: coreSections.sync.prefault(none),
    pull: coreSections.pull.prefault(none),
    alert: coreSections.alert.prefault(none),
    limits: coreSections.limits.prefault(none),
    dns: coreSections.dns.prefault(none),
    state: coreSections.state.prefault(none),
    control: coreSections.control.prefault(none),
    ...inside,
    ...told,
    tls: tls.prefault(none),
    // These two likewise.
    auth: authSection(backEnds).prefault(none) as unknown as z.ZodType<AuthSettings>,
    checks: table.prefault(none) as unknown as z.ZodType<CheckTable>,
    route: z.array(routeSection(couriers)).prefault([]),
    copy: z.array(routeSection(couriers)).prefault([]),
    ...lists,
    listener: z.array(listener(ownRunList(checks, listenerDoc))).prefault([]),
  });
  return file.superRefine(({ auth, listener: listeners, source, route, web }, context) => {
    const own = backEndFaults(auth, listeners, web.users.length > 0, backEnds);
    const faults = [...own, ...sourceHopFaults(source, route, couriers)];
    faults.forEach(({ path, message }) => context.addIssue({ code: "custom", message, path: [...path] }));
  });
}

/** The sections of checks: `[checks]`, and those outside it. */
function sectionsOf(checks: readonly CheckSettings[], several: ReadonlySet<string>) {
  const apart = checks.filter((check) => check.section !== undefined);
  const rest = checks.filter((check) => check.section === undefined);
  const own = rest.map((check) => [
    check.name,
    several.has(check.name) ? instanceSections(check) : checkSection(check).prefault(none),
  ]);
  return {
    sectioned: Object.fromEntries(apart.map((check) => [check.section ?? "", checkSection(check).prefault(none)])),
    table: z.strictObject({ run: runList(checks, runDoc), load, ...Object.fromEntries(own) }),
  };
}

/** Checks whose settings have a section of their own. */
interface SectionedChecks {
  readonly recipients: z.ZodType<RecipientSettings & CheckValues>;
  readonly spp: z.ZodType<CheckValues>;
}

/** The checked configuration. */
export type Settings = z.infer<ReturnType<typeof createSchema>>;
/** `[[listener]]`. */
export type ListenerSettings = Settings["listener"][number];
/** `[[lookup]]`. */
export type LookupSettings = Settings["lookup"][number];
