/** What it costs to have each message scanned by a local clamd: goodmailto's tap beside Postfix with clamav-milter, in one run. */
import { installed } from "../fakes/need.ts";
import { Clamd } from "../fakes/clamd.ts";
import { startClamavMilter } from "../fakes/clamav-milter.ts";
import type { Generator } from "./generator.ts";
import { cellKey, measureRounds } from "./rounds.ts";
import type { NamedLoad } from "./rounds.ts";
import { startOurs, startQueuingPostfix } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

/** ms of a processor. */
const perMessage = (cpuOfThousand: number | undefined): string => figure(cpuOfThousand);

/** Rows for a table, each server with the load of its own processes alone: clamd's is in none of them. */
export async function measureContent(generator: Generator, site: Site, quick: boolean): Promise<string> {
  if (!installed("clamd") || !installed("clamav-milter")) {
    return "Needs clamd and clamav-milter.\n";
  }
  const seconds = quick ? 1 : 2.5;
  const deliver = { warmup: seconds, seconds, valid: site.valid, tx: 50, conc: 10 };
  const loads: readonly NamedLoad[] = [
    { name: "4 KiB", mode: "deliver", options: { ...deliver, size: 4096 } },
    { name: "64 KiB", mode: "deliver", options: { ...deliver, size: 65_536 } },
  ];
  const clamd = await Clamd.start({ config: ["MaxThreads 4", "MaxQueue 300", "MaxConnectionQueueLength 300"] });
  const started: Server[] = [];
  const milter = await startClamavMilter(clamd);
  try {
    const scan = `[checks]\nrun = ["clamav", "goodmailto"]\n[checks.clamav]\nsocket = "${clamd.path}"\non_error = "defer"`;
    const headers = `[checks]\nrun = ["loop", "basicheaders", "badsubject", "goodmailto"]`;
    started.push(
      await startOurs(site, { name: "goodmailto" }),
      await startOurs(site, { name: "goodmailto, header checks", more: headers }),
      await startOurs(site, { name: "goodmailto, clamav", more: scan }),
    );
    const without = await startQueuingPostfix(site, "Postfix", "");
    const scanning = await startQueuingPostfix(site, "Postfix, clamav-milter", `inet:127.0.0.1:${milter.port}`);
    started.push(...[without, scanning].filter((server) => server !== undefined));
    const { cells } = await measureRounds(generator, started, loads, quick ? 1 : 3);
    const rows = started.map(({ name }) => [
      name,
      ...loads.flatMap((load) => {
        const cell = cells.get(cellKey(name, load.name));
        const faults = (cell?.faults ?? 0) > 0 ? ` (${cell?.faults} faults)` : "";
        return [`${figure(cell?.rate)}${faults}`, perMessage(cell?.cpu)];
      }),
    ]);
    const head = loads.flatMap(({ name }) => [`${name}, 1/s`, "own CPU, ms a message"]);
    return table([["deliver @10", ...head], ...rows]);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
    await milter.close();
    await clamd.close();
  }
}
