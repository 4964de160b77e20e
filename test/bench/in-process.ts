/** Relays in this process, of which the work between command line and reply is measured: without sockets, by turns. */
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

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
import { median } from "./table.ts";

const sliceMs = 20;
const accepted = Promise.resolve(reply(250, "2.1.5", "OK"));
const goOn = Promise.resolve(reply(354, "", "Go on"));
const done = Promise.resolve();
/** A next hop without sockets that accepts every recipient and message. */
const courier: Courier = {
  begin: () => ({
    answerTime: 1000,
    recipient: () => accepted,
    plan: () => done.then(() => undefined),
    data: () => goOn,
    write: () => true,
    drained: () => done,
    finish: () => accepted,
    abandon: () => undefined,
  }),
};

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

/** Starts a relay with each of these additions to the configuration. */
export async function startServices(
  site: Site,
  additions: readonly string[],
): Promise<{ readonly services: readonly Service[]; readonly stop: () => Promise<void> }> {
  const relays = await Promise.all(
    additions.map(async (more, i) => {
      const settings = settingsOf(configOf(site, 0, { name: `relay ${i}`, more }), site.folder);
      const log = createLog({ ...settings.log, write: () => undefined });
      return startRelay(settings, log, createMetrics());
    }),
  );
  const stop = async (): Promise<void> => void (await Promise.all(relays.map((relay) => relay.stop())));
  const services: Service[] = [];
  for (const relay of relays) {
    services.push({ ...(await serviceOf(relay.addresses[0] ?? "")), courier });
  }
  return { services, stop };
}

/** A client's session that has been greeted. */
export async function startConversation(service: Service) {
  const peer = { ip: "127.0.0.1", port: 1, host: "" };
  const session = new Session("bench", peer, peer, service.listener, new Map(), () => undefined);
  const conversation = new Conversation(service, session);
  await conversation.greet(() => false);
  const verbs = new Verbs(conversation);
  return {
    answer: (line: string) => verbs.answer(line),
    messageDone: () => verbs.messageDone(true),
    end: () => {
      conversation.end();
      service.pipeline.end(session);
    },
  };
}

/**
 * Microseconds of the thread's CPU time for one operation of each service: medians of short slices by turns, so that
 * what disturbs one disturbs the other.
 * @param seconds of each service, behind as many in which the code is compiled
 * @param work does some operations. @returns how many
 */
export async function costsByTurns(
  services: readonly Service[],
  seconds: number,
  work: (service: Service) => Promise<number>,
): Promise<number[]> {
  const slices = services.map((): number[] => []);
  const times = (seconds * 1000) / sliceMs;
  for (let i = 0; i < 2 * times; i++) {
    for (const [which, service] of services.entries()) {
      const started = performance.now();
      const before = process.threadCpuUsage();
      let operations = 0;
      while (performance.now() - started < sliceMs) {
        operations += await work(service);
      }
      const { user, system } = process.threadCpuUsage(before);
      if (i >= times) {
        slices[which]?.push((user + system) / operations);
      }
      // Timers, such as the log's, have their turn here.
      await turn();
    }
  }
  return slices.map(median);
}
