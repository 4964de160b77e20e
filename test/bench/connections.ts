/** Memory of idle connections: so many that have said EHLO and nothing since, in a server that was just started. */
import type { Generator } from "./generator.ts";
import { startOurs, startPostfixServer, startScript } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

interface Case {
  readonly connections: number;
  readonly start: () => Promise<Server | undefined>;
}

/** Rows for a table. */
export async function measureConnections(generator: Generator, site: Site, quick: boolean): Promise<string> {
  if (generator.kind !== "C") {
    return "Needs a C compiler: a thread of this process cannot hold both ends of 10,000 connections.\n";
  }
  const ours = [100, 1000, 10_000].map((connections): Case => ({
    connections,
    start: () => startOurs(site, { name: "goodmailto, 1 process" }),
  }));
  const others: readonly Case[] = [
    { connections: 1000, start: () => startScript("bare smtp-server", "bare.ts", site.snapshot, "greeting") },
    { connections: 200, start: () => startPostfixServer(site) },
  ];
  const rows = [["server", "connections", "held", "KB each", "MB in all", "verdict ms beside them"]];
  for (const { connections, start } of quick ? ours.slice(0, 2) : [...ours, ...others]) {
    const server = await start();
    if (server === undefined) {
      continue;
    }
    try {
      // What the start left behind is cleared away by some work; else it would be counted with the wrong sign.
      const warm = { port: server.port, pids: server.pid, conc: 20, binds: 50, seconds: 1.5 };
      await generator.measure({ mode: "session", options: warm });
      const options = { port: server.port, conc: connections, binds: 50, probes: 50, pids: server.pid };
      const result = await generator.measure({ mode: "idle", options });
      rows.push([
        server.name,
        connections.toLocaleString("en-US"),
        figure(result.idle_ready),
        figure(result.pss_kb_per_conn),
        figure((result.pss_with_idle_kb ?? Number.NaN) / 1000),
        figure(result.verdict_p50_ms ?? result.p50_ms),
      ]);
    } finally {
      await server.stop();
    }
  }
  return table(rows);
}
