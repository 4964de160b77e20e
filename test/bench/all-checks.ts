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

const sliceMs = 40;
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

/** A session with one message's commands; four of five recipients exist. */
async function converse(service: Service, recipients: readonly string[]): Promise<void> {
  const peer = { ip: "127.0.0.1", port: 1, host: "" };
  const session = new Session("bench", peer, peer, service.listener, new Map(), () => undefined);
  const conversation = new Conversation(service, session);
  await conversation.greet(() => false);
  const verbs = new Verbs(conversation);
  for (const line of ["EHLO client.example", "MAIL FROM:<someone@sender.example>", ...recipients]) {
    const answer = verbs.answer(line);
    if (answer instanceof Promise) {
      await answer;
    }
  }
  conversation.end();
  service.pipeline.end(session);
}

/** Recipients a second of both, in slices by turns: what disturbs one disturbs the other. @param more the TOML of all checks */
export async function measureAllInProcess(site: Site, more: string, quick: boolean): Promise<string> {
  const users = readFileSync(site.valid, "utf8").split("\n", 100);
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
    for (const count of [10, 50]) {
      const lines = users.slice(0, count).map((user, i) => `RCPT TO:<${i % 5 === 4 ? "no-" : ""}${user}>`);
      const [defaults, all] = await rates(services, lines, quick ? 2 : 10);
      rows.push([String(count), figure(defaults), figure(all), figure((all ?? Number.NaN) / (defaults ?? Number.NaN))]);
    }
    return table([["recipients per message", "defaults, 1/s", "all checks, 1/s", "all / defaults"], ...rows]);
  } finally {
    await Promise.all(relays.map((relay) => relay.stop()));
  }
}

/** Medians of slices of this many seconds, after as many in which the code is compiled. */
async function rates(services: readonly Service[], lines: readonly string[], seconds: number): Promise<number[]> {
  const slices = services.map((): number[] => []);
  const times = (seconds * 1000) / sliceMs;
  for (let i = 0; i < 2 * times; i++) {
    for (const [which, service] of services.entries()) {
      const started = performance.now();
      let done = 0;
      for (; performance.now() - started < sliceMs; done += lines.length) {
        await converse(service, lines);
      }
      if (i >= times) {
        slices[which]?.push((done * 1000) / (performance.now() - started));
      }
    }
  }
  return slices.map(median);
}
