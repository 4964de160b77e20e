/** Other mail servers that ask: Postfix with our tables and policy service beside its own lmdb table, and one look-up's time. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { packet } from "../../src/milter/packet.ts";
import { lookupProtocols } from "../../src/report/counters.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";
import { netstring, policyQuestion } from "../lookup/scene.ts";
import type { Generator } from "./generator.ts";
import { compareByTurns } from "./rounds.ts";
import { startAskingPostfix, startOurs } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

/** Connections at a time. */
const clients = 50;
const pathOf = (site: Site, protocol: LookupProtocol): string => join(site.folder, `asked-${protocol}`);

/** Sections of a relay that is asked by all. */
function sections(site: Site): string {
  return lookupProtocols
    .map((name) => {
      const listen = `unix:${pathOf(site, name)}`;
      return `[[lookup]]\nname = "${name}"\nprotocol = "${name}"\nlisten = ["${listen}"]\nmode = "0666"\n`;
    })
    .join("");
}

const mapOf = (site: Site): string => `socketmap:unix:${pathOf(site, "socketmap")}:x`;

/** How Postfix asks: options of its listeners. */
function waysOf(site: Site): Readonly<Record<string, string>> {
  const socketmap = mapOf(site);
  const policy = `check_policy_service,unix:${pathOf(site, "policy")}`;
  return {
    socketmap: `-o relay_recipient_maps=${socketmap}`,
    proxied: `-o relay_recipient_maps=proxy:${socketmap}`,
    policy: `-o relay_recipient_maps= -o smtpd_recipient_restrictions=${policy}`,
  };
}

/** Tables, as text. */
export async function measureAsked(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const ours = await startOurs(site, { name: "asked", more: sections(site) });
  const started: Server[] = [];
  try {
    const times = await measureTimes(site, quick);
    const postfixes = await startAskingPostfix(site, waysOf(site), `proxy:unix:passwd.byname proxy:${mapOf(site)}`);
    started.push(...postfixes);
    const load = { name: "reject", mode: "reject", options: { conc: clients } } as const;
    const turns = { warmup: quick ? 1 : 3, rounds: quick ? 3 : 7 };
    const compared = started.length === 0 ? [] : await compareByTurns(generator, started, load, turns);
    const rows = compared.map(({ name, rate, rateRatio, faults }) => [
      name,
      figure(rate),
      figure(rateRatio),
      String(faults),
    ]);
    return [table([["Postfix refuses by", "per second", "to lmdb", "faults"], ...rows]), times].join("\n");
  } finally {
    await started[0]?.stop();
    await ours.stop();
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: lookup\r\n\r\n`;

/** A question about an unknown address, and whether an answer is whole. */
const talks: Readonly<Record<LookupProtocol, readonly [question: (address: string) => string, whole: RegExp]>> = {
  socketmap: [(address) => netstring(`x ${address}`), /,$/],
  policy: [(recipient) => policyQuestion({ recipient, sender: "a@b.example", client_address: "192.0.2.9" }), /\n\n$/],
  tcp: [(address) => `get ${address}\n`, /\n$/],
  milter: [(address) => packet("R", Buffer.from(`<${address}>\0`)).toString("latin1"), /\0$/],
  exim: [(address) => `${address}\n`, /\n$/],
  qd1: [(address) => get(`/qd1/deliverable?${address}`), /\r\n\r\n\d+$/],
  http: [(address) => get(`/v1/recipient/${address}`), /\}\n$/],
};

/** Opens a connection, asks so many times, and notes how long each took, in ms. @param pause ms between two questions */
async function askOn(
  site: Site,
  protocol: LookupProtocol,
  { until, pause, taken }: { readonly until: number; readonly pause: number; readonly taken: number[] },
): Promise<void> {
  const socket: Socket = connect(pathOf(site, protocol)).setEncoding("latin1");
  await once(socket, "connect");
  const [question, whole] = talks[protocol];
  await sleep(Math.random() * pause);
  for (let i = 0; performance.now() < until; i++) {
    const begun = performance.now();
    socket.write(question(`nobody${i % 1000}@example.com`), "latin1");
    for (let said = ""; !whole.test(said);) {
      const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(20_000) })) as [string];
      said += chunk;
    }
    taken.push(performance.now() - begun);
    if (pause > 0) {
      await sleep(pause);
    }
  }
  socket.destroy();
}

async function timesOf(site: Site, protocol: LookupProtocol, seconds: number, pause: number): Promise<number[]> {
  const taken: number[] = [];
  const until = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: clients }, () => askOn(site, protocol, { until, pause, taken })));
  return taken.sort((a, b) => a - b);
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;

/** By 50 clients that ask as fast as they can, and by 50 that ask 20 times a second each. */
async function measureTimes(site: Site, quick: boolean): Promise<string> {
  const seconds = quick ? 1 : 3;
  const head = ["look-up by", "per second", "median ms", "p99 ms", "p99 ms at 1,000 a second"];
  const rows: string[][] = [];
  for (const protocol of lookupProtocols) {
    process.stderr.write(`look-ups by ${protocol}\n`);
    await timesOf(site, protocol, seconds, 0);
    const full = await timesOf(site, protocol, seconds, 0);
    const paced = await timesOf(site, protocol, seconds, clients);
    const cells = [full.length / seconds, quantile(full, 0.5), quantile(full, 0.99), quantile(paced, 0.99)];
    rows.push([protocol, ...cells.map(figure)]);
  }
  return table([head, ...rows]);
}
