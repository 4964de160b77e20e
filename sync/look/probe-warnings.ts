/** What of a finding a person should look at before the list is trusted. */
import type { SourceSettings } from "../../src/config/schema.ts";
import {
  absentText,
  clearText,
  emptyText,
  foreignText,
  guessText,
  limitText,
  unaskedText,
  unmarkedText,
} from "../sources/hint-words.ts";
import type { Finding } from "./finding.ts";

/** One sentence each; the gravest first. */
export function warningsOf(finding: Omit<Finding, "warnings">, settings: SourceSettings): string[] {
  const { reading } = finding;
  if (reading.fault !== "") {
    const limited = /limit ended the list/.test(reading.fault) ? ` after ${reading.entries} entries` : "";
    return [`reading failed${limited}: ${reading.fault}`, ...transport(finding, settings)];
  }
  const all = [
    ...amount(finding, settings),
    ...reading.hints,
    ...attributes(finding, settings),
    ...catchAll(finding),
    ...unasked(finding),
    ...domains(finding),
    ...transport(finding, settings),
  ];
  // A file's own warnings are among those of its amount.
  return [...new Set(all)];
}

function amount({ reading, rootDse, preset, guess }: Omit<Finding, "warnings">, settings: SourceSettings): string[] {
  const { entries, addresses } = reading;
  return [
    ...(entries === 0 ? [emptyText(settings.type, rootDse.namingContexts)] : []),
    ...told(isPlainList(settings) ? undefined : limitText(entries, rootDse.offersPages)),
    ...(entries > 0 && addresses === 0 ? ["no entry gives an address"] : []),
    ...told(guessText(guess, preset)),
  ];
}

/** Whether it has addresses and no attributes: lines or keys, as many as somebody wrote. */
export function isPlainList({ type, format }: SourceSettings): boolean {
  return type === "list" || type === "cdb" || (type === "command" && format === "list");
}

function told(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}

/** Of a server alone: what a file does not hold, nobody may read. */
function attributes({ reading }: Omit<Finding, "warnings">, { type }: SourceSettings): string[] {
  return type !== "ldap" || reading.entries === 0
    ? []
    : [...reading.attributes]
        .filter(([, count]) => count === 0)
        .map(([name]) => absentText(name, reading.others.keys()));
}

function unasked({ reading }: Omit<Finding, "warnings">): string[] {
  const { fault = "" } = reading.unasked ?? {};
  return [
    ...(fault === "" ? [] : [`the search for entries of other object classes failed: ${fault}`]),
    ...told(unaskedText(reading.unasked)),
    ...told(unmarkedText(reading.unasked)),
  ];
}

function catchAll({ reading: { skipped } }: Omit<Finding, "warnings">): string[] {
  const count = skipped["catch-all"] ?? 0;
  return count === 0
    ? []
    : [
        `${count} catch-all addresses (@domain) are left out: unknown users of their domains will be refused; if the directory may open them, write catch_all = "directory" in a [[domain]]`,
      ];
}

function domains({ reading: { foreign, skipped } }: Omit<Finding, "warnings">): string[] {
  if (foreign.size > 0) {
    return [foreignText(foreign)];
  }
  const count = skipped["foreign domain"] ?? 0;
  return count === 0 ? [] : [`${count} addresses are outside the relay domains`];
}

function transport({ rootDse }: Omit<Finding, "warnings">, settings: SourceSettings): string[] {
  return told(clearText(settings, rootDse.offersStartTls));
}
