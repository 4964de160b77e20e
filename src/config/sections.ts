/** Puts the whole schema together: the core sections and those of the checks that the caller knows. */
import * as z from "zod";

import * as field from "./fields.ts";
import { auth, listener, tls } from "./listeners.ts";
import { coreLists, coreSections } from "./schema.ts";

/** What the configuration must know of a check. The registry of src/checks gives it. */
export interface CheckSettings {
  readonly name: string;
  readonly doc: string;
  readonly hooks: readonly string[];
  readonly settings: z.ZodObject;
  /** Where its settings stand if not under `[checks.NAME]`. */
  readonly section?: string;
}

/** A section that is not in the file is one whose keys all have their defaults. */
const none = {} as never;

/** The hooks in the order of a session, with the checks that run there if the file says nothing. */
const hookDefaults: Readonly<Record<string, { checks: readonly string[]; doc: string }>> = {
  connection: { checks: ["spp"], doc: "Before the greeting." },
  helo: { checks: ["spp"], doc: "At HELO and EHLO." },
  mail: { checks: ["spp", "badmailfrom"], doc: "At MAIL FROM." },
  rcpt: {
    checks: ["verybadrcptto", "badmailfrom", "spp", "goodmailto"],
    doc: "At RCPT TO. The relay-domain verdict comes before goodmailto whatever stands here.",
  },
  data: { checks: ["verybadrcptto", "spp"], doc: "At DATA, before 354." },
  auth: { checks: ["spp", "authlogger"], doc: "After a successful AUTH, before 235." },
  message: { checks: ["loop"], doc: "After the final dot, before it is answered." },
};

function hooksSection(checks: readonly CheckSettings[]) {
  const keys = Object.entries(hookDefaults).map(([hook, { checks: wanted, doc }]) => {
    const words = checks.filter((check) => check.hooks.includes(hook)).map((check) => check.name);
    const sample = wanted.filter((name) => words.includes(name));
    return [hook, field.choices(words, sample, `${doc} Checks that can run here: ${words.join(", ")}.`)] as const;
  });
  return z.strictObject(Object.fromEntries(keys) as Record<HookWord, z.ZodType<string[]>>);
}

type HookWord = "connection" | "helo" | "mail" | "rcpt" | "data" | "auth" | "message";

function checkSection(check: CheckSettings) {
  const mode = field.choice(
    ["enforce", "observe", "off"],
    "enforce",
    "observe: its verdict is logged and does not count.",
  );
  return z.strictObject({ mode, ...check.settings.shape });
}

/** The schema of the whole file. Checks whose settings are a core section (`recipients`) are left out of `[checks]`. */
export function createSchema(checks: readonly CheckSettings[]) {
  const apart = checks.filter((check) => check.section !== undefined && !(check.section in coreSections));
  const rest = checks.filter((check) => check.section === undefined);
  const sectioned = Object.fromEntries(apart.map((check) => [check.section ?? "", checkSection(check).prefault(none)]));
  const own = Object.fromEntries(rest.map((check) => [check.name, checkSection(check).prefault(none)]));
  return z.strictObject({
    smtp: coreSections.smtp.prefault(none),
    domains: coreSections.domains.prefault(none),
    clients: coreSections.clients.prefault(none),
    snapshot: coreSections.snapshot.prefault(none),
    recipients: coreSections.recipients.prefault(none),
    sync: coreSections.sync.prefault(none),
    pull: coreSections.pull.prefault(none),
    alert: coreSections.alert.prefault(none),
    limits: coreSections.limits.prefault(none),
    dns: coreSections.dns.prefault(none),
    state: coreSections.state.prefault(none),
    log: coreSections.log.prefault(none),
    metrics: coreSections.metrics.prefault(none),
    tls: tls.prefault(none),
    auth: auth.prefault(none),
    hooks: hooksSection(checks).prefault(none),
    checks: z.strictObject(own).prefault(none) as unknown as z.ZodType<Record<string, CheckValues>>,
    ...(sectioned as unknown as Record<"spp", z.ZodType<CheckValues>>),
    route: z.array(coreLists.route).prefault([]),
    source: z.array(coreLists.source).prefault([]),
    publish: z.array(coreLists.publish).prefault([]),
    listener: z.array(listener(hooksSection(checks))).prefault([]),
  });
}

/** A check's `mode` and settings, already checked against its declaration. */
export type CheckValues = Readonly<Record<string, unknown>> & { readonly mode: "enforce" | "observe" | "off" };
/** The checked configuration. */
export type Settings = z.infer<ReturnType<typeof createSchema>>;
/** `[[listener]]`. */
export type ListenerSettings = Settings["listener"][number];
/** Which checks run at which hook, in order. */
export type HookOrder = Settings["hooks"];
