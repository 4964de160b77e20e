/** The work of the program alone with the defaults and with every check that needs no network: command line to reply, without sockets. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";

import { startRelay } from "../../src/compose/relay.ts";
import { Session } from "../../src/hooks/session.ts";
import { createLog } from "../../src/log/log.ts";
import type { Courier } from "../../src/mail/courier.ts";
import { reply } from "../../src/mail/reply.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { RelayServer } from "../../src/smtp/listener/server.ts";
import type { Service } from "../../src/smtp/service.ts";
import { Conversation } from "../../src/smtp/session/conversation.ts";
import { Verbs } from "../../src/smtp/session/verbs.ts";
import { settingsOf } from "../fakes/relay.ts";
import { configOf } from "./servers.ts";
import type { Site } from "./servers.ts";
import { figure, median, table } from "./table.ts";

const sliceMs = 20;
/** Of a session of the load generator's, which the defaults are measured with: smtpload.c. */
const transactions = 20;
const recipients = 10;
/** Of a hundred recipients, in the mixed load and turned round. */
const shares = [20, 80];
const sessions = 100;
const hopSays = Promise.resolve(reply(250, "2.1.5", "Recipient OK"));
/** A next hop without sockets that accepts every recipient; no message is sent to it. */
const courier = { begin: () => ({ recipient: () => hopSays, abandon: () => undefined }) } as unknown as Courier;

/** What a relay's listener asks, taken from its first session. */
async function serviceOf(address: string): Promise<Service> {
  const own = RelayServer.prototype.admit;
  const { promise, resolve } = Promise.withResolvers<Service>();
  RelayServer.prototype.admit = function admit(this: RelayServer, connection) {
    resolve(this.service);
    return own.call(this, connection);
  };
  const socket = connect(Number(address.slice(address.lastIndexOf(":") + 1)), "127.0.0.1");
  try {
    await once(socket, "data", { signal: AbortSignal.timeout(30_000) });
    return await promise;
  } finally {
    RelayServer.prototype.admit = own;
    socket.destroy();
  }
}

/** The commands of a session. @param next the next recipient */
function commandsOf(next: () => string): string[] {
  const messages = Array.from({ length: transactions }, () => [
    "MAIL FROM:<sender@example.net>",
    ...Array.from({ length: recipients }, () => `RCPT TO:<${next()}>`),
    "RSET",
  ]);
  return ["EHLO client.example.net", ...messages.flat()];
}

async function converse(service: Service, commands: readonly string[]): Promise<void> {
  const peer = { ip: "127.0.0.1", port: 1, host: "" };
  const session = new Session("bench", peer, peer, service.listener, new Map(), () => undefined);
  const conversation = new Conversation(service, session);
  await conversation.greet(() => false);
  const verbs = new Verbs(conversation);
  for (const line of commands) {
    const answer = verbs.answer(line);
    if (answer instanceof Promise) {
      await answer;
    }
  }
  conversation.end();
  service.pipeline.end(session);
}

/** Sessions that name recipients by chance, the same ones in each run. @param share of a hundred, that exist */
function sessionsWith(users: readonly string[], share: number): string[][] {
  let state = 1;
  const random = (below: number): number => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
  const next = (): string =>
    random(100) < share ? (users[random(users.length)] ?? "") : `no.${random(0x7fff_ffff).toString(36)}@example.com`;
  return Array.from({ length: sessions }, () => commandsOf(next));
}

/** Recipients a second of both, in slices by turns: what disturbs one disturbs the other. @param more the TOML of all checks */
export async function measureAllInProcess(site: Site, more: string, quick: boolean): Promise<string> {
  const users = readFileSync(site.valid, "utf8").trimEnd().split("\n");
  const relays = await Promise.all(
    [{ name: "defaults" }, { name: "all checks", more }].map(async (options) => {
      const settings = settingsOf(configOf(site, 0, options), site.folder);
      const log = createLog({ ...settings.log, write: () => undefined });
      return startRelay(settings, log, createMetrics());
    }),
  );
  const services: Service[] = [];
  try {
    for (const relay of relays) {
      services.push({ ...(await serviceOf(relay.addresses[0] ?? "")), courier });
    }
    const rows: string[][] = [];
    for (const share of shares) {
      const [defaults, all] = await rates(services, sessionsWith(users, share), quick ? 3 : 12);
      const ratio = (all ?? Number.NaN) / (defaults ?? Number.NaN);
      rows.push([`${share} %`, figure(defaults), figure(all), figure(ratio)]);
    }
    const head = ["recipients that exist", "defaults, per CPU second", "all checks, per CPU second", "all / defaults"];
    return table([head, ...rows]);
  } finally {
    await Promise.all(relays.map((relay) => relay.stop()));
  }
}

/**
 * Recipients in a second of the thread's CPU time: medians of slices of this many seconds, after as many in which the
 * code is compiled.
 */
async function rates(services: readonly Service[], load: readonly string[][], seconds: number): Promise<number[]> {
  const slices = services.map((): number[] => []);
  const times = (seconds * 1000) / sliceMs;
  for (let i = 0; i < 2 * times; i++) {
    for (const [which, service] of services.entries()) {
      const rate = await slice(service, load, i);
      if (i >= times) {
        slices[which]?.push(rate);
      }
    }
  }
  return slices.map(median);
}

async function slice(service: Service, load: readonly string[][], from: number): Promise<number> {
  const started = performance.now();
  const before = process.threadCpuUsage();
  let done = 0;
  for (; performance.now() - started < sliceMs; done++) {
    await converse(service, load[(from + done) % load.length] ?? []);
  }
  const { user, system } = process.threadCpuUsage(before);
  return (done * transactions * recipients * 1e6) / (user + system);
}
