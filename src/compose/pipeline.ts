/** The checks of one listener, each made once, in the order of `[checks] run`. */
import { modes } from "../config/check-words.ts";
import type { Settings } from "../config/sections.ts";
import { Pipeline } from "../hooks/pipeline.ts";
import type { Services } from "../hooks/services.ts";
import { createStep } from "../hooks/step.ts";
import type { Step } from "../hooks/step.ts";
import type { Counters } from "../report/counters.ts";
import { turnClock } from "../ops/turn-clock.ts";
import type { ScannerPlaces } from "../scanners/scanners.ts";
import { sectionsOfChecks } from "./check-sections.ts";
import type { CheckSection } from "./check-sections.ts";
import { sectionsByMode } from "./own-domains.ts";
import { createLists } from "./lists.ts";

/** Makes the checks of a list at work. @param run `[checks] run`, or the list of a listener @param want see createLists */
export function buildPipeline(
  settings: Settings,
  run: readonly string[],
  services: Omit<Services, "label" | "lists" | "scanner">,
  scanners: ScannerPlaces,
  counters: Counters,
  want?: (name: string) => void,
): Pipeline {
  const sections = sectionsOfChecks(settings, run);
  const clock = turnClock(services.now);
  const listsOf = (label: string) => createLists(settings.control.folders, label, services.log, clock, want);
  const steps = run.flatMap((label) => {
    const section = sections.find((one) => one.label === label);
    if (section === undefined) {
      return [];
    }
    const lists = listsOf(section.label);
    const own = { ...services, label: section.label, lists, scanner: scanners.of(section.label) };
    return sectionsByMode(section, settings, services.recipients)
      .filter(({ values }) => values.mode !== "off")
      .map((one) => stepOf(one, own, settings.smtp));
  });
  return new Pipeline(steps, services.log, counters);
}

/** Makes one check at work, with what its section and the server's say. */
export function stepOf(
  { check, label, values }: CheckSection,
  services: Services,
  { qpsmtpd_codes: qpsmtpdCodes }: Pick<Settings["smtp"], "qpsmtpd_codes">,
): Step {
  // A key that the check declares itself is its own business.
  const own = (key: string): boolean => key in check.settings;
  return createStep(check, label, check.create(values, services), {
    // A check may have words of its own for how it works while it is enforced.
    mode: modes.find((word) => word === values.mode) ?? "enforce",
    unless: values.unless,
    points: values.points,
    permanent: own("permanent") ? undefined : values.permanent,
    close: own("close") || values.close !== true ? undefined : true,
    reply: own("reply") ? undefined : values.reply,
    qpsmtpdCodes,
  });
}
