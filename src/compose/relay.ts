/** Wires one relay process out of its settings: snapshot, checks, next hops, listeners. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

import { Guard } from "../auth/guard.ts";
import { emptyClientRules, parseClientRules } from "../clients/tcprules.ts";
import type { ClientRules } from "../clients/tcprules.ts";
import { decode } from "../config/config-text.ts";
import { listenersOf } from "../config/listening.ts";
import type { ListenerPlan } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Counters } from "../report/counters.ts";
import { createDomains } from "../mail/domains.ts";
import type { Log } from "../report/log.ts";
import { SpoolRoom } from "../message/spool.ts";
import { affordable } from "../ops/descriptors.ts";
import { checkLibrary } from "../smtp/listener/contract.ts";
import { Crowd } from "../smtp/listener/crowd.ts";
import { ConnectionRate, createConnectionCounts } from "../smtp/connection-rate.ts";
import type { Counts } from "../state/counts.ts";
import { Harvest } from "../smtp/harvest/harvest.ts";
import { HarvestLedger } from "../smtp/harvest/ledger.ts";
import { createHostNames } from "../dns/host-names.ts";
import { RelayServer } from "../smtp/listener/server.ts";
import type { Service } from "../smtp/service.ts";
import { TurnedAway } from "../smtp/listener/turned-away.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { ScannerPlaces } from "../scanners/scanners.ts";
import { createRecipients } from "../snapshot/recipients.ts";
import { createAuthenticator } from "./authenticators.ts";
import { bind, targetsOf } from "../ops/binding.ts";
import { readTls } from "./certificates.ts";
import { buildCourier, createSameNextHop } from "./next-hops.ts";
import { buildPipeline } from "./pipeline.ts";
import { createRelayLists } from "./relay-lists.ts";
import { createResolver } from "./resolver.ts";
import { RelayState } from "./state.ts";
import { requirePlace } from "./state-place.ts";
import { Observing } from "../observe/observing.ts";
import { FileFault } from "./file-fault.ts";
import { createSenders } from "./senders.ts";
import { openServed, trustOf } from "./trust.ts";
import { connectionRateOf, harvestOf, limitsOf, spoolPlaceOf } from "./limits.ts";

/** A running relay. */
export interface Relay {
  /** Where it listens, as "host:port", in the order of the configuration. */
  readonly addresses: readonly string[];
  readonly snapshot: SnapshotReader;
  /** Takes new settings for new sessions. @throws Error if they cannot be used; the old ones then stay */
  reload(settings: Settings): void;
  /** Stops accepting and lets messages in flight finish, for `[smtp] shutdown_timeout`. */
  stop(): Promise<void>;
}

/** A client rules file with errors, one line each. */
export class RulesFault extends FileFault {}

/** Reads a rules file; its warnings are logged by warnings.ts. @throws RulesFault with every error of it */
export function readRules(path: string): ClientRules {
  if (path === "") {
    return emptyClientRules;
  }
  const text = decode(readFileSync(path));
  if (typeof text !== "string") {
    throw new RulesFault(`${path}:${text.line}:${text.column}: ${text.message}`);
  }
  const { rules, faults } = parseClientRules(text, path);
  if (faults.length > 0) {
    throw new RulesFault(
      faults.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`).join("\n"),
    );
  }
  return rules;
}

/** What outlives a reload. */
interface Lasting {
  readonly snapshot: SnapshotReader;
  readonly guard: Guard;
  readonly ledger: HarvestLedger;
  readonly connections: Counts;
  readonly observing: Observing;
  readonly state: RelayState;
  readonly spools: SpoolRoom;
  readonly log: Log;
  readonly counters: Counters;
}

/** Everything that depends on settings and is replaced at a reload. */
function assemble(settings: Settings, lasting: Lasting) {
  const { snapshot, guard, ledger, connections, observing, state, spools, log, counters } = lasting;
  const name = settings.smtp.hostname === "" ? hostname() : settings.smtp.hostname;
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const recipients = createRecipients(snapshot, domains, settings.recipients);
  const dns = createResolver(settings, log);
  const sameNextHop = createSameNextHop(settings, domains);
  const services = { recipients, domains, sameNextHop, dns, state, hostname: name, log, now: Date.now };
  const scanners = new ScannerPlaces(spoolPlaceOf(settings).folder, log, counters, Date.now);
  const courier = buildCourier(settings, domains, dns, log, counters, name);
  const tls = readTls(settings);
  const authenticator = createAuthenticator(settings.auth, guard, { log, domains });
  const mayUse = createSenders(settings, snapshot, domains, log);
  const harvest = new Harvest(harvestOf(settings), ledger, log, counters);
  const connectionRate = new ConnectionRate(connectionRateOf(settings), connections);
  const plans = listenersOf(settings);
  const relayLists = createRelayLists(settings, log, Date.now);
  const observer = observing.change(settings.recipients);
  const serviceOf = (plan: ListenerPlan): Service => ({
    ...services,
    listener: plan.name,
    pipeline: buildPipeline(settings, plan.checks ?? settings.checks.run, services, scanners, counters),
    courier,
    counters,
    spools,
    observer,
    rules: readRules(plan.rules),
    relayLists,
    variables: new Map(Object.entries(plan.variables)),
    limits: limitsOf(settings),
    harvest,
    connectionRate,
    hostNames: createHostNames(dns),
    lenient: settings.smtp.lenient_helo,
    idn: settings.smtp.idn,
    normaliseNewlines: settings.smtp.bare_newlines === "normalise",
    reverseLookup: settings.smtp.reverse_lookup,
    logSessions: settings.log.sessions,
    starttls: tls !== undefined && plan.tls === "starttls",
    authenticator: plan.auth ? authenticator : undefined,
    mayUse,
  });
  return { courier, authenticator, tls, listeners: plans.map((plan) => ({ plan, service: serviceOf(plan) })) };
}

/**
 * Starts a relay.
 * @param shared listen with SO_REUSEPORT, for several processes on one port
 * @throws FileFault, or the error of a port that is taken
 */
export async function startRelay(settings: Settings, log: Log, counters: Counters, shared = false): Promise<Relay> {
  checkLibrary();
  requirePlace(settings);
  const snapshot = openServed(settings, log);
  const room = affordable(settings.smtp.max_connections);
  const [crowd, turnedAway] = [new Crowd(), new TurnedAway(room.refused)];
  const [guard, ledger, connections] = [new Guard(), new HarvestLedger(), createConnectionCounts()];
  const state = new RelayState(settings, { guard, ledger, crowd, connections }, log, shared);
  const spools = new SpoolRoom(spoolPlaceOf(settings));
  const lasting: Lasting = {
    snapshot,
    guard,
    ledger,
    connections,
    observing: new Observing(log),
    state,
    spools,
    log,
    counters,
  };
  let parts: ReturnType<typeof assemble>;
  try {
    parts = assemble(settings, lasting);
  } catch (error) {
    snapshot.close();
    await state.close();
    lasting.observing.close();
    throw error;
  }
  let current = settings;
  await state.opening;
  const servers: { server: RelayServer; name: string }[] = [];
  const addresses: string[] = [];
  snapshot.watch();
  try {
    for (const { plan, service } of parts.listeners) {
      for (const target of plan.listen.flatMap((place) => targetsOf(place, plan.name))) {
        const { tls } = parts;
        if (plan.tls === "implicit" && tls === undefined) {
          throw new Error(`Cannot start listener "${plan.name}": implicit TLS needs [tls] cert and key`);
        }
        const server = new RelayServer(service, {
          implicitTls: plan.tls === "implicit",
          tls,
          crowd,
          turnedAway,
          maxSessions: room.sessions,
          maxConnections: settings.smtp.max_connections,
          maxConnectionsPerClient: settings.smtp.max_connections_per_client,
        });
        servers.push({ server, name: plan.name });
        addresses.push(await bind(server, target, shared));
      }
    }
  } catch (error) {
    snapshot.close();
    await state.close();
    lasting.observing.close();
    await Promise.all(servers.map(({ server }) => server.shutdown(0)));
    throw error;
  }
  return {
    addresses,
    snapshot,
    reload: (next) => {
      requirePlace(next);
      const trust = trustOf(next);
      const fresh = assemble(next, lasting);
      snapshot.change(trust);
      state.change(next);
      lasting.spools.change(spoolPlaceOf(next));
      for (const { server, name } of servers) {
        const same = fresh.listeners.find(({ plan }) => plan.name === name);
        if (same !== undefined) {
          server.reload(same.service, fresh.tls);
        }
      }
      parts.courier.close();
      parts.authenticator?.close();
      parts = fresh;
      current = next;
    },
    stop: async () => {
      await Promise.all(servers.map(({ server }) => server.shutdown(current.smtp.shutdown_timeout)));
      parts.courier.close();
      parts.authenticator?.close();
      await state.close();
      lasting.observing.close();
      snapshot.close();
    },
  };
}
