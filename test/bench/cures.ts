/**
 * Each hot spot with and without its cure, in interleaved rounds: in ours if it can be undone, else in a plain
 * smtp-server.
 */
import { startDns } from "../fakes/dns.ts";
import type { Generator } from "./generator.ts";
import { cellKey, loadsOf, measureRounds } from "./rounds.ts";
import { startOurs, startScript } from "./servers.ts";
import type { OursOptions, Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

interface Cure {
  readonly what: string;
  readonly where: string;
  readonly load: string;
  readonly before: () => Promise<Server>;
  readonly after: () => Promise<Server>;
}

const undo = new URL("without.ts", import.meta.url).pathname;

function curesOf(site: Site, dnsPort: number): readonly Cure[] {
  const ours =
    (options: Omit<OursOptions, "name"> = {}) =>
    (name: string) =>
    (): Promise<Server> =>
      startOurs(site, { name, ...options });
  const without = (cure: string) => ours({ nodeWords: ["--import", undo], environment: { WITHOUT: cure } })("before");
  const after = ours()("after");
  const bare = (name: string, cures: string) => () => startScript(name, "bare.ts", site.snapshot, cures);
  const lookup = `reverse_lookup = true\n[dns]\nservers = ["127.0.0.1:${dnsPort}"]`;
  const own = "goodmailto";
  const plain = "bare smtp-server";
  return [
    {
      what: "greeting delay 100 ms → 0",
      where: own,
      load: "sessions @50",
      before: ours({ greetingDelay: "100ms" })("before"),
      after,
    },
    {
      what: "an Error for each refusal → one",
      where: plain,
      load: "reject",
      before: bare("before", ""),
      after: bare("after", "error"),
    },
    {
      what: "file locks → exclusive",
      where: plain,
      load: "reject",
      before: bare("before", "error"),
      after: bare("after", "error,lock"),
    },
    {
      what: "a write for each reply, hooks by setImmediate → corked, synchronous",
      where: plain,
      load: "pipelined",
      before: bare("before", "error,lock"),
      after: bare("after", "error,lock,cork"),
    },
    ...["reject", "pipelined", "mixed 80/20"].map((load) => ({
      what: "a write for each reply → at the end of a turn",
      where: own,
      load,
      before: without("turn"),
      after,
    })),
    { what: "a write for each log line → batches", where: own, load: "reject", before: without("batches"), after },
    {
      what: "reverse lookup (name server on the same machine) → none",
      where: own,
      load: "sessions @50",
      before: ours({ smtp: lookup })("before"),
      after,
    },
    {
      what: "one process → two by SO_REUSEPORT",
      where: own,
      load: "reject",
      before: ours()("before"),
      after: ours({ workers: 2 })("after"),
    },
    {
      what: "one process → two by SO_REUSEPORT",
      where: own,
      load: "sessions @50",
      before: ours()("before"),
      after: ours({ workers: 2 })("after"),
    },
  ];
}

/** Rows for a table. */
export async function measureCures(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const dns = await startDns();
  const rows = [
    [
      ...["hot spot", "measured in", "load", "before /s", "after /s", "ratio"],
      ...["CPU s for 1,000 before", "after", "ratio"],
    ],
  ];
  try {
    for (const { what, where, load, before, after } of curesOf(site, dns.port)) {
      const servers = [await before(), await after()];
      try {
        const loads = loadsOf(site, quick ? 0.5 : 1).filter(({ name }) => name === load);
        const { cells } = await measureRounds(generator, servers, loads, quick ? 1 : 3);
        const [slow, fast] = ["before", "after"].map((name) => cells.get(cellKey(name, load)));
        rows.push([
          ...[what, where, load],
          ...[figure(slow?.rate), figure(fast?.rate), `${figure((fast?.rate ?? 0) / (slow?.rate ?? 0))}×`],
          ...[figure(slow?.cpu), figure(fast?.cpu), `${figure((slow?.cpu ?? 0) / (fast?.cpu ?? 0))}×`],
        ]);
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
      }
    }
  } finally {
    await dns.close();
  }
  return table(rows);
}
