/** Interleaved rounds: each load once for each server, again and again, so that a busy minute hurts all alike. */
import { loadavg } from "node:os";

import type { Generator, Load, Result } from "./generator.ts";
import type { Server, Site } from "./servers.ts";
import { figure, median } from "./table.ts";

/** A load with its name in the table. */
export interface NamedLoad extends Load {
  readonly name: string;
}

/** The loads of the first table. */
export function loadsOf(site: Site, seconds: number): readonly NamedLoad[] {
  // A server runs for weeks: what is measured is one that has compiled its code, not one that still does.
  const timed = { warmup: seconds, seconds };
  const deliver = { ...timed, valid: site.valid, tx: 50 };
  return [
    { name: "reject", mode: "reject", options: { ...timed, conc: 50 } },
    { name: "pipelined", mode: "reject", options: { ...timed, conc: 50, rcpts: 50, pipeline: 1 } },
    { name: "mixed 80/20", mode: "mixed", options: { ...timed, conc: 50, valid: site.valid } },
    { name: "sessions @50", mode: "session", options: { ...timed, conc: 50, binds: 50 } },
    { name: "deliver 4 KiB @100", mode: "deliver", options: { ...deliver, conc: 100, size: 4096 } },
    { name: "deliver 64 KiB @10", mode: "deliver", options: { ...deliver, conc: 10, size: 65_536 } },
  ];
}

/** What a server came to at a load, in the middle of its rounds. */
export interface Cell {
  readonly rate: number;
  /** CPU seconds of the server for a thousand operations. */
  readonly cpu: number;
  /** ms: the verdict at "sessions", else the operation. */
  readonly latency: number;
  readonly faults: number;
  /** How far the rates of the rounds lie apart, as a share of their median. */
  readonly spread: number;
  /** CPU seconds of the load generator for a thousand operations: it shares the cores. */
  readonly client: number;
}

/** Server → load → cell, and the load of the machine at each run. */
export interface Measured {
  readonly cells: ReadonlyMap<string, Cell>;
  readonly loadAverages: readonly number[];
}

/** The key of a cell. */
export const cellKey = (server: string, load: string): string => `${server} / ${load}`;

/** Runs them. */
export async function measureRounds(
  generator: Generator,
  servers: readonly Server[],
  loads: readonly NamedLoad[],
  rounds: number,
): Promise<Measured> {
  const results = new Map<string, Result[]>();
  const loadAverages: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const load of loads) {
      for (const server of servers) {
        const port = load.mode === "deliver" ? server.deliverPort : server.port;
        const own = server.unknownCode === undefined ? {} : { "unknown-code": server.unknownCode };
        const options = { ...load.options, port, pids: server.pid, ...own };
        const result = await generator.measure({ ...load, options });
        server.tidy();
        const key = cellKey(server.name, load.name);
        results.set(key, [...(results.get(key) ?? []), result]);
        loadAverages.push(loadavg()[0] ?? 0);
        process.stderr.write(`round ${round}: ${key}: ${figure(result.ops_per_s)} a second\n`);
      }
    }
  }
  const cells = [...results].map(([key, all]): [string, Cell] => [
    key,
    {
      rate: median(all.map(({ ops_per_s }) => ops_per_s)),
      cpu: median(all.map(({ server_cpu_s_per_1k }) => server_cpu_s_per_1k ?? Number.NaN)),
      latency: median(all.map(({ verdict_p50_ms, p50_ms }) => verdict_p50_ms ?? p50_ms)),
      spread: spreadOf(all.map(({ ops_per_s }) => ops_per_s)),
      faults: all.reduce((sum, { violations, drops, timeouts }) => sum + violations + drops + timeouts, 0),
      client: median(all.map(({ client_cpu_frac = Number.NaN, ops_per_s }) => (1000 * client_cpu_frac) / ops_per_s)),
    },
  ]);
  return { cells: new Map(cells), loadAverages };
}

/** A server compared with the one before all others, in the middle of its rounds. */
export interface Compared {
  readonly name: string;
  readonly rate: number;
  /** Of both in the same round, the other's: above 1, this one is better. */
  readonly rateRatio: number;
  readonly cpuRatio: number;
  readonly faults: number;
}

/**
 * Short runs of all servers by turns, in many rounds, after one long enough that the code is compiled: each is compared
 * with the first of its own round, so that what disturbs one disturbs the other.
 */
export async function compareByTurns(
  generator: Generator,
  servers: readonly Server[],
  load: NamedLoad,
  { warmup, rounds }: { readonly warmup: number; readonly rounds: number },
): Promise<readonly Compared[]> {
  const results = servers.map((): Result[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) {
      const timed = { warmup: round === 0 ? warmup : 0.3, seconds: 1.5 };
      const port = load.mode === "deliver" ? server.deliverPort : server.port;
      const result = await generator.measure({
        ...load,
        options: { ...load.options, ...timed, port, pids: server.pid },
      });
      server.tidy();
      results[i]?.push(result);
      process.stderr.write(
        `round ${round + 1}: ${cellKey(server.name, load.name)}: ${figure(result.ops_per_s)} a second\n`,
      );
    }
  }
  const first = results[0] ?? [];
  return servers.map(({ name }, i) => {
    const own = results[i] ?? [];
    const ratios = (of: (one: Result, other: Result) => number): number =>
      median(own.map((one, round) => of(one, first[round] ?? one)));
    return {
      name,
      rate: median(own.map(({ ops_per_s }) => ops_per_s)),
      rateRatio: ratios((one, other) => one.ops_per_s / other.ops_per_s),
      // Of what the processor does for the same work, the other way round.
      cpuRatio: ratios((one, other) => (other.server_cpu_s_per_1k ?? NaN) / (one.server_cpu_s_per_1k ?? NaN)),
      faults: own.reduce((sum, { violations, drops, timeouts }) => sum + violations + drops + timeouts, 0),
    };
  });
}

function spreadOf(rates: readonly number[]): number {
  return (Math.max(...rates) - Math.min(...rates)) / median(rates);
}
