/**
 * `[[domain]]` at work. Its `mode`: the check goodmailto once for each mode that counts somewhere, asked about the recipients of the
 * domains where it counts and about no others. So one domain may enforce while another observes.
 */
import { ownDomains } from "../config/own-domains.ts";
import type { Mode } from "../config/check-words.ts";
import type { Settings } from "../config/sections.ts";
import { pass } from "../hooks/verdict.ts";
import type { CheckRun } from "../hooks/check.ts";
import type { Domains } from "../mail/domains.ts";
import { createRecipients } from "../snapshot/recipients.ts";
import type { Asked, Recipients } from "../snapshot/recipients.ts";
import type { CheckSection } from "./check-sections.ts";

/** The question whether a recipient exists, by the settings of its domain. */
export function recipientsOf(
  settings: Pick<Settings, "recipients" | "domain">,
  snapshot: Asked,
  domains: Domains,
): Recipients {
  return createRecipients(snapshot, domains, settings.recipients, ownDomains(settings));
}

/** The modes of `[recipients]` and of every `[[domain]]`, each once. */
export function modesOf(settings: Pick<Settings, "recipients" | "domain">): readonly Mode[] {
  return [...new Set([settings.recipients.mode, ...ownDomains(settings).map(({ mode }) => mode)])];
}

/** A section for each mode; of another check than that of the directory, and without `[[domain]]`, the section itself. */
export function sectionsByMode(
  section: CheckSection,
  settings: Pick<Settings, "recipients" | "domain">,
  { ownDomain }: Pick<Recipients, "ownDomain">,
): readonly CheckSection[] {
  const { check, values } = section;
  if (check.section !== "recipients" || ownDomain === undefined) {
    return [section];
  }
  const modeOf = ({ recipient }: Parameters<NonNullable<CheckRun["rcpt"]>>[0]): Mode =>
    (recipient === undefined ? undefined : ownDomain(recipient)?.mode) ?? settings.recipients.mode;
  return modesOf(settings).map((mode) => ({
    ...section,
    values: { ...values, mode },
    check: {
      ...check,
      create(...given) {
        const run = check.create(...given);
        return { ...run, rcpt: (session) => (modeOf(session) === mode ? (run.rcpt?.(session) ?? pass) : pass) };
      },
    },
  }));
}
