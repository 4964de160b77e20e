/** Wires one relay process out of its settings: snapshot, checks, next hops, listeners. */
import type { Socket } from "node:net";

import { listenersOf } from "../config/listening.ts";
import type { ListenerPlan } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Counters } from "../report/counters.ts";
import { createDomains } from "../mail/domains.ts";
import type { Domains } from "../mail/domains.ts";
import { readIpEntries } from "../mail/ip-entry.ts";
import { createPost } from "../mail/notice.ts";
import type { Log } from "../report/log.ts";
import { checkLibrary } from "../smtp/listener/contract.ts";
import { ConnectionRate } from "../smtp/connection-rate.ts";
import { Harvest } from "../smtp/harvest/harvest.ts";
import { createHostNames } from "../dns/host-names.ts";
import type { ServerOptions } from "../smtp/listener/server-options.ts";
import { RelayServer } from "../smtp/listener/server.ts";
import type { Service } from "../smtp/service.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { ScannerPlaces } from "../scanners/scanners.ts";
import { ownName } from "./own-name.ts";
import { modesOf, recipientsOf } from "./own-domains.ts";
import { presentersOf } from "./presenters.ts";
import { createAuthenticator } from "./authenticators.ts";
import { readRules } from "./client-rules.ts";
import { bind, refuseSharedSockets, targetsOf } from "../ops/binding.ts";
import type { Answerer } from "../ops/control-socket.ts";
import type { Gauge } from "../ops/metrics.ts";
import { readTls } from "./certificates.ts";
import { closeLasting, createLasting } from "./lasting.ts";
import type { Lasting, Start } from "./lasting.ts";
import { Lookups, ofSystemd, serviceNames } from "./lookups.ts";
import { lookupParts } from "./lookup-parts.ts";
import { mannersOf } from "./manners.ts";
import { createMirror } from "./mirror.ts";
import { buildCopyingCourier, createSameNextHop } from "./next-hops.ts";
import { buildPipeline } from "./pipeline.ts";
import { createSourceHops } from "./source-hops.ts";
import { createAnswers } from "./relay-answers.ts";
import { readGauges } from "./relay-gauges.ts";
import { createRelayLists } from "./relay-lists.ts";
import { createResolver } from "./resolver.ts";
import { requirePlace } from "./state-place.ts";
import { createSenders } from "./senders.ts";
import { withTracer } from "./tracing.ts";
import { trustOf, waitOf } from "./trust.ts";
import { connectionRateOf, harvestOf, limitsOf, spoolPlaceOf } from "./limits.ts";

/** A running relay. */
export interface Relay {
  /** Where it listens, as "host:port", in the order of the configuration. */
  readonly addresses: readonly string[];
  readonly snapshot: SnapshotReader;
  /** Answers commands beside it. */
  readonly answer: Answerer;
  /** What it is like now, for Prometheus. Rejects never. */
  gauges(): Promise<readonly Gauge[]>;
  /** Takes new settings for new sessions. @throws Error if they cannot be used; the old ones then stay */
  reload(settings: Settings): void;
  /** Answers a connection to a [[lookup]] that the supervisor of workers has accepted. */
  take(lookup: string, socket: Socket): void;
  /** Stops accepting and lets messages in flight finish, for `[smtp] shutdown_timeout`. */
  stop(): Promise<void>;
}

/** Everything that depends on settings and is replaced at a reload. */
function assemble(settings: Settings, lasting: Lasting) {
  const { snapshot, ledger, connections, state, spools, copies, offers, log, counters } = lasting;
  const name = ownName(settings);
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const recipients = recipientsOf(settings, snapshot, domains);
  const dns = createResolver(settings, log);
  const hopOf = createSourceHops(settings, domains, recipients);
  const sameNextHop = createSameNextHop(settings, domains, hopOf);
  const scanners = new ScannerPlaces(spoolPlaceOf(settings).folder, log, counters, Date.now);
  const courier = buildCopyingCourier(copies, settings, domains, dns, log, counters, name, { hopOf, offers });
  const post = createPost(courier, name, "notice");
  const services = { recipients, domains, sameNextHop, dns, state, hostname: name, post, log, now: Date.now };
  const { tls, authenticator, mayUse } = loginParts(settings, lasting, domains);
  const harvest = new Harvest(harvestOf(settings), ledger, log, counters);
  const connectionRate = new ConnectionRate(connectionRateOf(settings), connections);
  const mirror = createMirror(settings, log);
  const relayLists = createRelayLists(settings, log, Date.now, mirror.want);
  const noting = notersOf(settings, lasting, recipients, domains);
  const serviceOf = (plan: ListenerPlan): Service => ({
    ...services,
    listener: plan.name,
    pipeline: buildPipeline(settings, plan.checks ?? settings.checks.run, services, scanners, counters, mirror.want),
    ...{ ...noting, courier, counters, spools, relayLists, harvest, connectionRate },
    ...{ rules: readRules(plan.rules), variables: new Map(Object.entries(plan.variables)) },
    limits: limitsOf(settings),
    hostNames: createHostNames(dns),
    ...mannersOf(settings),
    ...{ starttls: tls !== undefined && plan.tls === "starttls", proxies: readIpEntries(plan.proxy_from) },
    ...{ authenticator: plan.auth ? authenticator : undefined, presenters: presentersOf(plan, settings), mayUse },
  });
  const listeners = listenersOf(settings).map((plan) => ({ plan, service: serviceOf(plan) }));
  const lookup = lookupParts(settings, {
    ...services,
    ...mannersOf(settings),
    ...{ scanners, counters, snapshot, harvest, relayLists, courier, want: mirror.want },
    ...{ ...noting, trafficFile: lasting.traffic.file },
  });
  return { courier, authenticator, tls, listeners, lookup, mirror };
}

/** Who takes note of what happens. */
function notersOf(
  settings: Settings,
  { observing, record, traffic }: Lasting,
  recipients: ReturnType<typeof recipientsOf>,
  domains: Domains,
) {
  return {
    observer: observing.change(modesOf(settings), settings.recipients),
    record: record.change(settings),
    traffic: traffic.change(settings, recipients, domains),
  };
}

/** Who may log in, and what for. */
function loginParts(settings: Settings, { snapshot, guard, log }: Lasting, domains: Domains) {
  const tls = readTls(settings);
  const authenticator = createAuthenticator(settings.auth, guard, { log, domains });
  return { tls, authenticator, mayUse: createSenders(settings, snapshot, domains, log) };
}

class RunningRelay implements Relay {
  readonly addresses: string[] = [];
  readonly #lookups: Lookups;
  readonly #lasting: Lasting;
  readonly #servers: { readonly server: RelayServer; readonly name: string }[] = [];
  readonly answer: Answerer;
  /** When its settings were read, and which they are. */
  #read: { readonly settings: Settings; readonly loaded: number };
  #parts: ReturnType<typeof assemble>;

  constructor(settings: Settings, lasting: Lasting) {
    this.#lasting = lasting;
    this.#read = { settings, loaded: Date.now() };
    this.#parts = assemble(settings, lasting);
    this.answer = createAnswers(lasting, () => ({ ...this.#read, hops: () => this.#parts.courier.hops() }));
    this.#lookups = new Lookups(settings, this.#parts.lookup, lasting);
  }

  gauges(): Promise<readonly Gauge[]> {
    const { courier, tls } = this.#parts;
    return readGauges(this.#lasting, { settings: this.#read.settings, hops: courier.hops(), certificate: tls?.cert });
  }

  get snapshot(): SnapshotReader {
    return this.#lasting.snapshot;
  }

  /** @param shared with SO_REUSEPORT */
  async listen(shared: boolean): Promise<void> {
    const names = serviceNames(this.#read.settings);
    refuseSharedSockets(ofSystemd(this.#read.settings), names);
    // The first client already is offered what they offer.
    await this.#parts.courier.heard?.();
    for (const { plan, service } of this.#parts.listeners) {
      for (const target of plan.listen.flatMap((place) => targetsOf(place, plan.name, names))) {
        const server = new RelayServer(service, this.#serverOptions(plan));
        this.#servers.push({ server, name: plan.name });
        this.addresses.push(await bind(server.server, target, shared));
      }
    }
    await this.#lookups.listen(shared);
    this.addresses.push(...this.#lookups.addresses);
  }

  take(lookup: string, socket: Socket): void {
    this.#lookups.take(lookup, socket);
  }

  #serverOptions(plan: ListenerPlan): ServerOptions {
    const { crowd, turnedAway, room } = this.#lasting;
    const { smtp } = this.#read.settings;
    const { tls } = this.#parts;
    if (plan.tls === "implicit" && tls === undefined) {
      throw new Error(`Cannot start listener "${plan.name}": implicit TLS needs [tls] cert and key`);
    }
    return {
      implicitTls: plan.tls === "implicit",
      tls,
      crowd,
      turnedAway,
      maxSessions: room.sessions,
      maxConnections: smtp.max_connections,
      maxConnectionsPerClient: smtp.max_connections_per_client,
    };
  }

  reload(next: Settings): void {
    requirePlace(next);
    const trust = trustOf(next);
    const fresh = assemble(next, this.#lasting);
    this.snapshot.change(trust, waitOf(next, true));
    this.#lasting.state.change(next);
    this.#lasting.spools.change(spoolPlaceOf(next));
    for (const { server, name } of this.#servers) {
      const same = fresh.listeners.find(({ plan }) => plan.name === name);
      if (same !== undefined) {
        server.reload(same.service, fresh.tls);
      }
    }
    this.#lookups.reload(next, fresh.lookup);
    this.#closeParts();
    this.#parts = fresh;
    this.#read = { settings: next, loaded: Date.now() };
  }

  stop(): Promise<void> {
    return this.close(this.#read.settings.smtp.shutdown_timeout);
  }

  /** @param timeout ms for messages in flight, and then for copies of them that wait */
  async close(timeout: number): Promise<void> {
    const end = performance.now() + timeout;
    await Promise.all([
      ...this.#servers.map(({ server }) => server.shutdown(timeout)),
      this.#lookups.shutdown(timeout),
    ]);
    this.#closeParts();
    await this.#lasting.copies.finish(Math.max(0, end - performance.now()));
    await closeLasting(this.#lasting);
  }

  #closeParts(): void {
    this.#parts.courier.close();
    this.#parts.authenticator?.close();
    this.#parts.mirror.close();
  }
}

/**
 * Starts a relay.
 * @throws FileFault, or the error of a port that is taken
 */
export async function startRelay(settings: Settings, log: Log, counters: Counters, start: Start = {}): Promise<Relay> {
  checkLibrary();
  requirePlace(settings);
  const traced = await withTracer(settings, log, counters);
  const lasting = createLasting(settings, log, traced, start);
  let relay: RunningRelay | undefined;
  try {
    relay = new RunningRelay(settings, lasting);
    await lasting.state.opening;
    lasting.snapshot.watch();
    await relay.listen(start.shared === true);
    return relay;
  } catch (error) {
    await (relay === undefined ? closeLasting(lasting) : relay.close(0));
    throw error;
  }
}
