/**
 * `goodmailto probe`: looks at the sources before anything is trusted. Writes nothing. Exit 0 well, 1 warnings, 75
 * unreadable.
 */
import { dirname } from "node:path";

import { Command } from "commander";

import { errorMessage } from "../report/error-message.ts";
import { readCertificate } from "../../sync/look/certificate.ts";
import type { CertificateFacts } from "../../sync/look/certificate.ts";
import { probeSource } from "../../sync/look/probe.ts";
import type { Finding, Sample } from "../../sync/look/finding.ts";
import { leftOutLines } from "../../sync/left-out.ts";
import { presets } from "../../sync/presets/registry.ts";
import { readCertificates } from "../../sync/sources/secrets.ts";
import { presetNames } from "../config/preset-names.ts";
import { takesCatchAlls } from "../config/own-domains.ts";
import type { SourceSettings } from "../config/schema.ts";
import { createDomains } from "../mail/domains.ts";
import type { Domains } from "../mail/domains.ts";
import { exit } from "../ops/exit.ts";
import { visible } from "../report/visible.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";

interface Words {
  readonly config: string;
  readonly url?: string;
  readonly base?: string;
  readonly filter?: string;
  readonly preset?: string;
  readonly json?: true;
}

interface Probed {
  readonly finding: Finding;
  readonly certificates: readonly CertificateFacts[];
}

/** How long a probe may take, in ms. */
const deadline = 600_000;
const mostClasses = 15;
/** Values of a sample that are named. */
const mostOfSample = 5;

/** Builds the verb. */
export function probeCommand(): Command {
  return new Command("probe")
    .description("Test the sources and report server, entries, sample addresses and warnings (read-only)")
    .argument("[source...]", "source names (default: all)")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--url <url>", "use this server")
    .option("--base <dn>", "use this base")
    .option("--filter <filter>", "use this filter, for example (objectClass=*) to see all entries")
    .option("--preset <preset>", "use this preset")
    .option("--json", "print one JSON object")
    .action(probe);
}

async function probe(names: readonly string[], words: Words): Promise<void> {
  const settings = loadSettings(words.config, ["sync"]);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const strange = names.find((name) => settings.source.every((source) => source.name !== name));
  if (
    strange !== undefined ||
    settings.source.length === 0 ||
    !(words.preset === undefined || words.preset in presets)
  ) {
    const why = strange === undefined ? "there is no [[source]], or no such preset" : `there is no source "${strange}"`;
    process.stderr.write(`goodmailto: ${why}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const chosen = settings.source.filter(({ name }) => names.length === 0 || names.includes(name));
  try {
    const probed: Probed[] = [];
    for (const source of chosen) {
      probed.push(await probeOne(override(source, words), domains, dirname(words.config), takesCatchAlls(settings)));
    }
    print(probed, words.json === true);
  } catch (error) {
    process.stderr.write(`${words.config}: ${errorMessage(error)}\n`);
    process.exitCode = exit.config;
  }
}

function override(source: SourceSettings, { url, base, filter, preset: wanted }: Words): SourceSettings {
  const preset = presetNames.find((name) => name === wanted);
  return {
    ...source,
    ...(url === undefined ? {} : { url: [url] }),
    ...(base === undefined ? {} : { base }),
    ...(filter === undefined ? {} : { filter }),
    ...(preset === undefined ? {} : { preset }),
  };
}

async function probeOne(
  source: SourceSettings,
  domains: Domains,
  folder: string,
  takesCatchAll: (domain: string) => boolean,
): Promise<Probed> {
  const finding = await probeSource(source, domains, folder, AbortSignal.timeout(deadline), takesCatchAll);
  const certificates: CertificateFacts[] = [];
  if (source.type === "ldap") {
    const ca = await readCertificates(source.ca_file, folder).catch(() => undefined);
    for (const url of source.url) {
      const facts = await readCertificate(url, ca, source.timeout, Date.now());
      certificates.push(...(facts === undefined ? [] : [facts]));
    }
  }
  return { finding, certificates };
}

function print(probed: readonly Probed[], json: boolean): void {
  const all = probed.map(({ finding, certificates }) => ({
    ...finding,
    warnings: [...finding.warnings, ...certificates.flatMap((facts) => unsaid(facts, finding.reading.fault))],
    certificates: certificates.map(({ url, line }) => ({ url, certificate: line })),
  }));
  process.stdout.write(
    json
      ? `${JSON.stringify({ sources: all }, (_key, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value instanceof Set ? [...value] : value))}\n`
      : all.map(format).join("\n"),
  );
  const unreadable = all.some(({ reading }) => reading.fault !== "");
  process.exitCode = unreadable
    ? exit.temporary
    : all.some(({ warnings }) => warnings.length > 0)
      ? exit.refused
      : exit.ok;
}

/** What of a certificate the fault of the reading has not said already. */
function unsaid({ warnings }: CertificateFacts, fault: string): string[] {
  return warnings.filter((warning) => fault === "" || !fault.includes(warning.slice(warning.indexOf(": ") + 2)));
}

function format(finding: Finding & { readonly certificates: readonly { url: string; certificate: string }[] }): string {
  const { source, reading, warnings, certificates } = finding;
  const classes = [...reading.classes].toSorted(([, one], [, other]) => other - one);
  const attributes = [...reading.attributes].map(([name, count]) => `${count} ${name}`);
  const lines = [
    `source ${source}`,
    ...serverLines(finding),
    ...certificates.map(({ url, certificate }) => `  certificate of ${url}: ${certificate}`),
    `  read: ${reading.entries} entries, ${reading.addresses} addresses`,
    ...(classes.length === 0 ? [] : ["  entries by object class:"]),
    ...classes.slice(0, mostClasses).map(([name, count]) => `    ${String(count).padStart(7)} ${name}`),
    ...(attributes.length === 0 ? [] : [`  entries by attribute: ${attributes.join(", ")}`]),
    ...leftOutLines(reading.skipped, reading.left).map((line) => `  ${line}`),
    ...(reading.samples.length === 0 ? [] : ["  samples:"]),
    ...reading.samples.flatMap((sample) => [`    ${sample.entry}`, `      ${givesText(sample)}`]),
    ...warnings.map((warning) => `  WARNING: ${warning}`),
    ...(warnings.length === 0 ? ["  no warnings"] : []),
  ];
  return lines.map((line) => `${visible(line)}\n`).join("");
}

function serverLines({ preset, guess, rootDse }: Finding): string[] {
  if (rootDse.marks.size === 0 && rootDse.namingContexts.length === 0) {
    return [];
  }
  const [pages, startTls] = [rootDse.offersPages, rootDse.offersStartTls].map((offered) =>
    offered === undefined ? "unknown" : offered ? "offered" : "not offered",
  );
  return [
    `  server: ${rootDse.vendor || "does not say who it is"}; pages ${pages}; StartTLS ${startTls}`,
    `  naming contexts: ${rootDse.namingContexts.join(", ") || "not reported"}`,
    `  preset: ${preset}${guess === undefined ? "" : guess === preset ? ", as the server looks" : `; the server looks like ${guess}`}`,
  ];
}

function givesText({ gives, left }: Sample): string {
  const reasons = left.map(({ attribute, value, why }) => `${attribute} ${JSON.stringify(value)} (${why})`);
  const more = reasons.length > mostOfSample ? ` and ${reasons.length - mostOfSample} more` : "";
  const out = reasons.length === 0 ? "" : `; left out: ${reasons.slice(0, mostOfSample).join(", ")}${more}`;
  return `${gives.join(", ") || "gives nothing"}${out}`;
}
