/** `goodmailto doctor`: looks at everything a relay needs, here and elsewhere, and says what to do. It changes nothing. */
import { dirname } from "node:path";

import { Command } from "commander";

import { probeSource } from "../../sync/look/probe.ts";
import { readIncident } from "../../sync/remember/incident.ts";
import { deepFaults, deepWarnings } from "../compose/deep-check.ts";
import { reportStatus } from "../compose/list-report.ts";
import type { StatusReport } from "../compose/list-report.ts";
import { ownName } from "../compose/own-name.ts";
import { reportPull } from "../compose/pull-report.ts";
import { reportsOf } from "../compose/running-relays.ts";
import { defaultConfig, schemaFor } from "../compose/settings.ts";
import { trustForCommand } from "../compose/trust.ts";
import { warningsOf } from "../compose/warnings.ts";
import { loadConfig } from "../config/load.ts";
import { takesCatchAlls } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";
import { fault, ok, warning } from "../doctor/finding.ts";
import type { Finding } from "../doctor/finding.ts";
import { lookAtHop } from "../doctor/hop-look.ts";
import { lookAtCertificate } from "../doctor/certificate.ts";
import { lookAtDescriptors, lookAtPorts, lookAtRelay } from "../doctor/machine.ts";
import { lookAtNames } from "../doctor/names.ts";
import { lookAtRights } from "../doctor/rights.ts";
import { lookAtState } from "../doctor/state-look.ts";
import { lookAtWeb } from "../doctor/web.ts";
import { createDomains } from "../mail/domains.ts";
import { askRelays } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";
import { errorMessage } from "../report/error-message.ts";

type Loaded = Extract<ReturnType<typeof loadConfig>, { kind: "ok" }>;

/** ms for one source. */
const patience = 120_000;

/** Builds the verb. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Look at configuration, list, directories, mail servers, certificate and DNS, and say what to do")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--no-dns", "ask no name servers")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExit status: 0 all is well, 1 warnings, 69 faults, 78 errors in the configuration")
    .action(doctor);
}

async function doctor({ config, dns, json }: { config: string; dns: boolean; json?: true }): Promise<void> {
  const loaded = loadConfig(config, schemaFor, ["relay", "sync"]);
  const findings =
    loaded.kind === "ok"
      ? await examine(config, loaded, dns)
      : loaded.faults.map((one) => fault("configuration", formatFault(one), "goodmailto config check"));
  process.stdout.write(json === true ? `${JSON.stringify({ findings })}\n` : findings.map(format).join(""));
  const has = (state: Finding["state"]): boolean => findings.some((finding) => finding.state === state);
  process.exitCode =
    loaded.kind === "ok" ? (has("fault") ? exit.unavailable : has("warning") ? exit.refused : exit.ok) : exit.config;
}

function format({ what, state, said, advice }: Finding): string {
  return `${state.padEnd(7)} ${what}: ${said}\n${advice === undefined ? "" : `        → ${advice}\n`}`;
}

async function examine(config: string, loaded: Loaded, dns: boolean): Promise<readonly Finding[]> {
  const { settings } = loaded;
  const hostname = ownName(settings);
  const asked = await askRelays(settings.smtp.status_folder, { ask: "report" });
  const pids = reportsOf(asked).map(({ pid }) => pid);
  const isRunning = asked.answers.length > 0;
  const { findings: ofCertificate, chain, said } = lookAtCertificate(settings, hostname, Date.now());
  const domains = settings.domains.relay.filter((name) => !name.startsWith("."));
  return [
    ...(await lookAtConfiguration(config, loaded, said)),
    ...(await lookAtRights(loaded, pids[0])),
    ...lookAtList(settings),
    ...lookAtRelay(asked),
    ...(isRunning ? [] : await lookAtPorts(settings)),
    ...lookAtDescriptors(settings, pids),
    ...(await lookAtWeb(settings, isRunning)),
    ...(await lookAtState(settings)),
    ...ofCertificate,
    ...(await lookAtSources(config, settings)),
    ...(await lookAtHops(settings, hostname)),
    ...(dns ? await lookAtNames({ servers: settings.dns.servers, hostname, domains, chain }) : []),
  ];
}

/** @param said warnings that another look gives */
async function lookAtConfiguration(
  config: string,
  loaded: Loaded,
  said: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const faults = await deepFaults(config, loaded);
  const warnings = [
    ...warningsOf(loaded, ["relay", "sync"]).filter(({ message }) => !said.has(message)),
    ...(await deepWarnings(config, loaded)),
  ];
  const findings = [
    ...faults.map((text) => fault("configuration", text, "goodmailto config check")),
    ...warnings.map((one) => warning("configuration", formatFault(one), "as it says")),
  ];
  return findings.length === 0 ? [ok("configuration", config)] : findings;
}

/** The snapshot as the relay would judge it, and how the last syncs went. */
function lookAtList(settings: Settings): readonly Finding[] {
  const trust = trustForCommand(settings);
  if (trust === undefined) {
    return [fault("list", "its key cannot be read", "[snapshot] key_file, public_keys")];
  }
  const report = reportStatus(settings.snapshot, Date.now(), trust);
  const { failures, why } = readIncident(settings.snapshot.path);
  const pull = reportPull(settings);
  const sync = [
    ...(failures === 0 ? [] : [fault("sync", `${failures} failures: ${why}`, "goodmailto sync, and its log")]),
    ...(pull === null || pull.failures === 0
      ? []
      : [fault("pull", `${pull.failures} failures: ${pull.why}`, "goodmailto pull, and what [snapshot] pull names")]),
  ];
  switch (report.status) {
    case "fresh":
    case "stale": {
      const wait =
        report.waits_until === null ? "" : `, not used before ${report.waits_until} by relays with [snapshot] canary`;
      const said = `${report.addresses} addresses, ${report.age} s old${wait}`;
      const clock =
        report.clock === "behind"
          ? [fault("clock", "the list is from the future", "set the clock, by NTP for example")]
          : [];
      const list =
        report.status === "fresh" ? ok("list", said) : warning("list", `${said}: too old`, "goodmailto sync");
      return [list, ...clock, ...sync];
    }
    case "missing":
    case "invalid":
      return [noList(report), ...sync];
    case "denied":
      return [
        fault("list", `${report.path}: this user may not read it`, "run it as root, or as the relay's user"),
        ...sync,
      ];
  }
}

function noList({ status, path, why, detail }: Extract<StatusReport, { status: "missing" | "invalid" }>): Finding {
  return status === "missing"
    ? fault("list", `${path}: there is no such file`, "goodmailto sync; until then every recipient is accepted")
    : fault(
        "list",
        `${path}: ${why}: ${detail}`,
        "goodmailto sync; until then a relay that starts accepts every recipient",
      );
}

function lookAtSources(config: string, settings: Settings): Promise<readonly Finding[]> {
  const relay = createDomains(settings.domains.relay, settings.domains.aliases);
  const look = async (source: Settings["source"][number]): Promise<Finding> => {
    const what = `source ${source.name}`;
    const advice = `goodmailto probe ${source.name}`;
    const signal = AbortSignal.timeout(patience);
    try {
      const { reading } = await probeSource(source, relay, dirname(config), signal, takesCatchAlls(settings));
      const said = `${reading.entries} entries, ${reading.addresses} addresses`;
      const why = reading.fault === "" && reading.addresses === 0 ? said : reading.fault;
      return why === "" ? ok(what, said) : fault(what, why, advice);
    } catch (error) {
      return fault(what, errorMessage(error), advice);
    }
  };
  return Promise.all(settings.source.map(look));
}

/** Each server once; other couriers are tried by their first message. */
function lookAtHops({ route }: Settings, hostname: string): Promise<readonly Finding[]> {
  const places = new Map(route.flatMap(({ domain, next_hop: hops }) => hops.map((hop) => [hop, domain] as const)));
  const looks = [...places].map(async ([place, domain]): Promise<readonly Finding[]> => {
    const look = await lookAtHop(place, hostname, domain === "*" ? "invalid.example" : domain.replace(/^\./, ""));
    if (look === undefined) {
      return [];
    }
    if (look.kind === "silent") {
      return [fault("mail server", `${place}: ${look.why}`, "is it running, and may this machine connect to it?")];
    }
    const tls = look.features.includes("STARTTLS") || place.startsWith("smtps:") ? "" : ", without STARTTLS";
    return [ok("mail server", `${place} answers${tls}, ${look.code} to an unknown recipient`)];
  });
  return Promise.all(looks).then((all) => all.flat());
}
