/** Wires `[[lookup]]`: what they share with the relay, their servers and their sockets. */
import type { Socket } from "node:net";

import { listenersOf } from "../config/listening.ts";
import type { LookupSettings, Settings } from "../config/sections.ts";
import { createLookupServer } from "../lookup/server.ts";
import type { LookupServer, LookupServerOptions } from "../lookup/server.ts";
import { judge } from "../lookup/verdict.ts";
import type { LookupService, Question, LookupVerdict } from "../lookup/verdict.ts";
import { exim } from "../lookup/protocols/exim.ts";
import { http } from "../lookup/protocols/http.ts";
import { milter } from "../lookup/protocols/milter.ts";
import { policy } from "../lookup/protocols/policy.ts";
import { qd1 } from "../lookup/protocols/qd1.ts";
import { socketmap } from "../lookup/protocols/socketmap.ts";
import { tcp } from "../lookup/protocols/tcp.ts";
import type { LookupParts, SharedLookup } from "./lookup-parts.ts";
import { parseLookupPlace } from "../mail/lookup-place.ts";
import { bind, socketsOf } from "../ops/binding.ts";
import { bindUnix } from "../ops/unix-socket.ts";
import { labelsBy } from "../report/counters.ts";
import type { Counters, LookupProtocol } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { after } from "../smtp/session/outcome.ts";

type ServerMaker = (options: LookupServerOptions) => LookupServer;

const serverOf: Readonly<Record<LookupProtocol, ServerMaker>> = {
  socketmap: (options) => createLookupServer(socketmap, options),
  policy: (options) => createLookupServer(policy, options),
  tcp: (options) => createLookupServer(tcp, options),
  milter: (options) => createLookupServer(milter, options),
  exim: (options) => createLookupServer(exim, options),
  qd1,
  http,
};

/** The names of everything that listens: systemd passes sockets by them. */
export function serviceNames({ listener, lookup }: Settings): ReadonlySet<string> {
  return new Set(["smtp", ...[...listener, ...lookup].map(({ name }) => name)]);
}

/** The names of what listens at sockets of systemd. */
export function ofSystemd(settings: Settings): readonly string[] {
  const all: readonly { readonly name: string; readonly listen: readonly string[] }[] = [
    ...listenersOf(settings),
    ...settings.lookup,
  ];
  return all.filter(({ listen }) => listen.includes("systemd")).map(({ name }) => name);
}

function serviceOf(name: string, shared: SharedLookup): LookupService {
  const { log } = shared;
  const untold: Log = { ...log, verdict: (line) => log.verdict({ ...line, host: name, from: "(not told)" }) };
  return { ...shared, name, untold };
}

/** What a process listens for beside SMTP. */
export class Lookups {
  readonly addresses: string[] = [];
  readonly #started: readonly LookupSettings[];
  readonly #names: ReadonlySet<string>;
  readonly #servers = new Map<string, LookupServer[]>();
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #tokens = new Map<string, string>();
  #parts: LookupParts;
  #current: readonly LookupSettings[];

  constructor(settings: Settings, parts: LookupParts, log: Log, counters: Counters) {
    this.#started = settings.lookup;
    this.#names = serviceNames(settings);
    this.#current = settings.lookup;
    this.#parts = parts;
    this.#log = log;
    this.#counters = counters;
    this.#takeTokens();
  }

  /** Listens at every place. @param shared other processes too; Unix sockets are then their supervisor's */
  async listen(shared: boolean): Promise<void> {
    for (const started of this.#started) {
      const servers: LookupServer[] = [];
      this.#servers.set(started.name, servers);
      for (const text of started.listen) {
        const bound = await this.#bind(started, text, shared);
        servers.push(...bound);
      }
    }
  }

  /** A connection that the supervisor has accepted. */
  take(name: string, socket: Socket): void {
    const [server] = this.#servers.get(name) ?? [];
    if (server === undefined) {
      socket.destroy();
    } else {
      server.take(socket);
    }
  }

  /** New rules for new questions. */
  reload({ lookup }: Settings, parts: LookupParts): void {
    this.#current = lookup;
    this.#parts = parts;
    this.#takeTokens();
  }

  async shutdown(timeout: number): Promise<void> {
    await Promise.all([...this.#servers.values()].flat().map((server) => server.shutdown(timeout)));
  }

  /**
   * A service that is gone from the file, or is to listen elsewhere, answers as before until the restart: to those who
   * have its token, and not to everybody.
   */
  #takeTokens(): void {
    for (const started of this.#started) {
      const now = this.#current.find(({ name }) => name === started.name);
      const token = this.#parts.tokens.get(started.name);
      if (now?.protocol === started.protocol && String(now.listen) === String(started.listen)) {
        this.#tokens.delete(started.name);
        if (token !== undefined) {
          this.#tokens.set(started.name, token);
        }
      }
    }
  }

  async #bind(started: LookupSettings, text: string, shared: boolean): Promise<LookupServer[]> {
    const place = parseLookupPlace(text);
    if (place === undefined) {
      throw new Error(`Cannot listen at "${text}": no address`);
    }
    if (place.kind === "unix") {
      const made = serverOf[started.protocol](this.#optionsOf(started));
      if (!shared) {
        await bindUnix(made.server, { ...place, ...started });
      }
      this.addresses.push(text);
      return [made];
    }
    const targets = place.kind === "systemd" ? socketsOf(started.name, this.#names) : [place.endpoint];
    const all: LookupServer[] = [];
    for (const target of targets) {
      const made = serverOf[started.protocol](this.#optionsOf(started));
      all.push(made);
      this.addresses.push(await bind(made.server, target, shared));
    }
    return all;
  }

  #optionsOf(started: LookupSettings): LookupServerOptions {
    const { name, protocol } = started;
    const count = labelsBy("verdict", { protocol });
    const tell = (verdict: LookupVerdict): LookupVerdict => {
      this.#counters.add("lookups", count(verdict.kind));
      return verdict;
    };
    let last: { readonly parts: LookupParts; readonly service: LookupService } | undefined;
    const serviceNow = (): LookupService => {
      if (last?.parts !== this.#parts) {
        last = { parts: this.#parts, service: serviceOf(name, this.#parts.shared()) };
      }
      return last.service;
    };
    return {
      name,
      log: this.#log,
      counters: this.#counters,
      token: () => this.#tokens.get(name),
      limits: () => {
        const now = this.#current.find((one) => one.name === name) ?? started;
        return { timeout: now.timeout, idle: now.idle_timeout, connections: now.max_connections };
      },
      asker: () => {
        const service = serviceNow();
        return { service, ask: (question: Question) => after(judge(service, question), tell) };
      },
    };
  }
}
