/** What of a finding a person should look at before the list is trusted. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { emptyText, limitText } from "../sources/hints.ts";
import type { Finding } from "./finding.ts";

const mostDomains = 5;
/** Attributes that one warning names. */
const mostNames = 3;

/** One sentence each; the gravest first. */
export function warningsOf(finding: Omit<Finding, "warnings">, settings: SourceSettings): string[] {
  const { reading } = finding;
  if (reading.fault !== "") {
    const limited = /limit ended the list/.test(reading.fault) ? ` after ${reading.entries} entries` : "";
    return [`reading failed${limited}: ${reading.fault}`, ...transport(finding, settings)];
  }
  return [
    ...amount(finding, settings),
    ...attributes(finding, settings),
    ...catchAll(finding),
    ...unasked(finding),
    ...domains(finding),
    ...transport(finding, settings),
  ];
}

function amount({ reading, rootDse, preset, guess }: Omit<Finding, "warnings">, { type }: SourceSettings): string[] {
  const { entries, addresses } = reading;
  const limit = type === "list" ? undefined : limitText(entries);
  const pages = rootDse.offersPages === false ? "; the server does not offer pages" : "";
  return [
    ...(entries === 0 ? [emptyText(type, rootDse.namingContexts)] : []),
    ...(limit === undefined ? [] : [`${limit}${pages}`]),
    ...(entries > 0 && addresses === 0 ? ["no entry gives an address"] : []),
    ...(guess !== undefined && guess !== preset
      ? [`the server looks like preset "${guess}", and the source has preset "${preset}"`]
      : []),
  ];
}

/** Of a server alone: what a file does not hold, nobody may read. */
function attributes({ reading }: Omit<Finding, "warnings">, { type }: SourceSettings): string[] {
  return type !== "ldap" || reading.entries === 0
    ? []
    : [...reading.attributes]
        .filter(([, count]) => count === 0)
        .map(([name]) => `no entry has the attribute "${name}": ${absence(reading.others)}`);
}

/** Why an attribute that was asked for did not come. */
function absence(others: ReadonlyMap<string, number>): string {
  const names = [...others.keys()].slice(0, mostNames).map((name) => `"${name}"`);
  return names.length === 0
    ? "it is not used here, or the bind DN has no right to read it"
    : `the server answers with ${names.join(", ")} instead, which must then stand in attributes`;
}

const mostClasses = 8;

function unasked({ reading }: Omit<Finding, "warnings">): string[] {
  const { entries = 0, classes = new Map<string, number>(), example = "", fault = "" } = reading.unasked ?? {};
  const failed = fault === "" ? [] : [`the search for entries of other object classes failed: ${fault}`];
  if (entries === 0) {
    return failed;
  }
  const most = [...classes].toSorted(([, one], [, other]) => other - one).slice(0, mostClasses);
  const list = most.map(([name, count]) => `${name} (${count})`).join(", ");
  const named = list === "" ? "" : `: ${list}`;
  return [
    ...failed,
    `${entries} entries with addresses of the relay domains, such as "${example}", are of object classes that the preset` +
      ` does not ask for${named}. If they take mail, write a filter of your own, or set resource_classes`,
  ];
}

function catchAll({ reading: { skipped } }: Omit<Finding, "warnings">): string[] {
  const count = skipped["catch-all"] ?? 0;
  return count === 0
    ? []
    : [`${count} catch-all addresses (@domain) are left out: unknown users of their domains will be refused`];
}

function domains({ reading: { foreign, skipped } }: Omit<Finding, "warnings">): string[] {
  const values = [...foreign.values()].reduce((sum, count) => sum + count, 0);
  if (values === 0) {
    const count = skipped["foreign domain"] ?? 0;
    return count === 0 ? [] : [`${count} addresses are outside the relay domains`];
  }
  const most = [...foreign].toSorted(([, one], [, other]) => other - one).slice(0, mostDomains);
  const list = most.map(([domain, count]) => `${domain} (${count})`).join(", ");
  const more = foreign.size > mostDomains ? ` and ${foreign.size - mostDomains} more` : "";
  return [`${values} addresses are outside the relay domains of this source: ${list}${more}`];
}

function transport({ rootDse }: Omit<Finding, "warnings">, settings: SourceSettings): string[] {
  const plain = settings.url.some((url) => /^ldap:/i.test(url)) && !settings.starttls;
  if (settings.type !== "ldap" || !plain || settings.bind_dn === "" || settings.bind_dn === "EXTERNAL") {
    return [];
  }
  return [
    `the password of "${settings.bind_dn}" goes over the wire in the clear; use ldaps://` +
      (rootDse.offersStartTls ? " or starttls, which the server offers" : ""),
  ];
}
