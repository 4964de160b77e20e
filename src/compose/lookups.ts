/** Wires `[[lookup]]`: what they share with the relay, their servers and their sockets. */
import type { Socket } from "node:net";

import { listenersOf, wantedConnections } from "../config/listening.ts";
import type { LookupSettings, Settings } from "../config/sections.ts";
import { Room } from "../lookup/connections.ts";
import { createLookupServer } from "../lookup/server.ts";
import type { LookupServer, LookupServerOptions } from "../lookup/server.ts";
import { LookupAsker } from "../lookup/asker.ts";
import type { LookupService, LookupVerdict } from "../lookup/verdict.ts";
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
import { affordableLookups } from "../ops/descriptors.ts";
import type { Affordable } from "../ops/descriptors.ts";
import { bindUnix } from "../ops/unix-socket.ts";
import { labelsBy } from "../report/counters.ts";
import type { Counters, LookupProtocol } from "../report/counters.ts";
import type { Log } from "../report/log.ts";

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

/** What of a relay lookups need. */
interface LookupBase {
  readonly room: Affordable;
  readonly log: Log;
  readonly counters: Counters;
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
  readonly #afforded: Affordable;
  /** Of all lookups together: their descriptors are those of the sessions too. */
  readonly #room: Room;
  #most: number;
  #parts: LookupParts;
  #current: readonly LookupSettings[];

  constructor(settings: Settings, parts: LookupParts, { room, log, counters }: LookupBase) {
    this.#afforded = room;
    this.#most = room.lookups;
    this.#room = new Room(() => this.#most);
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
      const options = this.#optionsOf(started);
      this.#servers.set(started.name, servers);
      const make = (): LookupServer => serverOf[started.protocol](options);
      for (const text of started.listen) {
        const bound = await this.#bind(started, text, make, shared);
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
  reload(settings: Settings, parts: LookupParts): void {
    this.#most = affordableLookups(this.#afforded, wantedConnections(settings).lookups);
    this.#current = settings.lookup;
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

  async #bind(
    started: LookupSettings,
    text: string,
    make: () => LookupServer,
    shared: boolean,
  ): Promise<LookupServer[]> {
    const place = parseLookupPlace(text);
    if (place === undefined) {
      throw new Error(`Cannot listen at "${text}": no address`);
    }
    if (place.kind === "unix") {
      const made = make();
      if (!shared) {
        await bindUnix(made.server, { ...place, ...started });
      }
      this.addresses.push(text);
      return [made];
    }
    const targets = place.kind === "systemd" ? socketsOf(started.name, this.#names) : [place.endpoint];
    const all: LookupServer[] = [];
    for (const target of targets) {
      const made = make();
      all.push(made);
      this.addresses.push(await bind(made.server, target, shared));
    }
    return all;
  }

  #optionsOf(started: LookupSettings): LookupServerOptions {
    const { name, protocol } = started;
    const [byVerdict, byResult] = [labelsBy("verdict", { protocol }), labelsBy("result", { protocol })];
    const count = ({ kind }: LookupVerdict): void => this.#counters.add("lookups", byVerdict(kind));
    const settingsNow = (): LookupSettings => this.#current.find((one) => one.name === name) ?? started;
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
        const { timeout, idle_timeout: idle } = settingsNow();
        return { timeout, idle };
      },
      room: new Room(() => settingsNow().max_connections, this.#room),
      count: (result) => this.#counters.add("lookup_connections", byResult(result)),
      asker: (ip, refusal) => new LookupAsker({ protocol, service: serviceNow(), count, ip, refusal }),
    };
  }
}
