/** Puts the whole schema together: the core sections and those of the checks that the caller knows. */
import * as z from "zod";

import { checkSection, instanceSections, ownRunList, runList } from "./check-sections.ts";
import type { CheckTable, CheckValues, RegisteredSettings } from "./check-sections.ts";
import * as field from "./fields.ts";
import { backEndFaults } from "./back-ends.ts";
import type { BackEndSettings } from "./back-ends.ts";
import { lateSection, lateShape } from "./late.ts";
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
const loadDoc =
  "Files of checks from outside, relative to this file; `goodmailto checks new NAME` writes one to begin with.";

/** Sections whose place is before those of checks in the sample file, and behind them. */
const first = {
  smtp: () => coreSections.smtp.prefault(none),
  domains: () => coreSections.domains.prefault(none),
  clients: () => coreSections.clients.prefault(none),
  snapshot: () => coreSections.snapshot.prefault(none),
};
const others = {
  guard: () => coreSections.guard.prefault(none),
  sync: () => coreSections.sync.prefault(none),
  pull: () => coreSections.pull.prefault(none),
  alert: () => coreSections.alert.prefault(none),
  limits: () => coreSections.limits.prefault(none),
  dns: () => coreSections.dns.prefault(none),
  state: () => coreSections.state.prefault(none),
  control: () => coreSections.control.prefault(none),
  deliverabled: () => coreSections.deliverabled.prefault(none),
  scim: () => coreSections.scim.prefault(none),
  log: () => coreSections.log.prefault(none),
  trace: () => coreSections.trace.prefault(none),
  metrics: () => coreSections.metrics.prefault(none),
  web: () => coreSections.web.prefault(none),
  tls: () => tls.prefault(none),
};
/** Sections that may be there several times, or not at all. */
const lists = ["route", "copy", "domain", "source", "publish", "lookup", "listener"] as const;

/**
 * The schema of the whole file; each section is made when it is first asked for.
 * @param several the checks that the file has several times, as `[[checks.NAME]]`
 */
export function createSchema(
  checks: readonly RegisteredSettings[],
  backEnds: () => readonly BackEndSettings[],
  couriers: () => readonly CourierSettings[],
  several: ReadonlySet<string> = new Set(),
) {
  const { sectioned, table } = sectionsOf(checks, several);
  const shape = lateShape({
    ...first,
    ...sectioned,
    ...others,
    // Made by names that the type cannot see, as those of checks.
    auth: () => authSection(backEnds()).prefault(none) as unknown as z.ZodType<AuthSettings>,
    checks: () => table.prefault(none) as unknown as z.ZodType<CheckTable>,
    route: () => z.array(routeSection(couriers())).prefault([]),
    copy: () => z.array(routeSection(couriers())).prefault([]),
    domain: () => z.array(domain).prefault([]),
    source: () => z.array(coreLists.source).prefault([]),
    publish: () => z.array(coreLists.publish).prefault([]),
    lookup: () => z.array(coreLists.lookup).prefault([]),
    listener: () => z.array(listener(ownRunList(checks, listenerDoc))).prefault([]),
  });
  return lateSection(shape, {
    lists,
    rule: (settings, isGiven) => [
      ...(isGiven("auth") || isGiven("listener") || isGiven("web")
        ? backEndFaults(settings.auth, settings.listener, settings.web.users.length > 0, backEnds())
        : []),
      ...sourceHopFaults(settings.source, settings.route, couriers()),
    ],
  });
}

/** The sections of checks: `[checks]`, and those outside it. */
function sectionsOf(checks: readonly RegisteredSettings[], several: ReadonlySet<string>) {
  const apart = checks.flatMap(({ section, definition }): [string, () => z.ZodType][] =>
    section === undefined ? [] : [[section, () => checkSection(definition()).prefault(none)]],
  );
  const own = checks.flatMap(({ name, section, definition }): [string, () => z.ZodType][] => {
    const type = (): z.ZodType =>
      several.has(name) ? instanceSections(definition()) : checkSection(definition()).prefault(none);
    return section === undefined ? [[name, type]] : [];
  });
  return {
    // The names of sections are texts.
    sectioned: Object.fromEntries(apart) as unknown as SectionedChecks,
    table: lateSection(
      lateShape({
        run: () => runList(checks, runDoc),
        load: () => field.list([], loadDoc, { isPlace: true }),
        ...Object.fromEntries(own),
      }),
    ),
  };
}

/** Checks whose settings have a section of their own. */
interface SectionedChecks {
  readonly recipients: () => z.ZodType<RecipientSettings & CheckValues>;
  readonly spp: () => z.ZodType<CheckValues>;
}

/** The checked configuration. */
export type Settings = z.infer<ReturnType<typeof createSchema>>;
/** `[[listener]]`. */
export type ListenerSettings = Settings["listener"][number];
/** `[[lookup]]`. */
export type LookupSettings = Settings["lookup"][number];
