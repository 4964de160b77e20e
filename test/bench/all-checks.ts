/** The work of the program alone with the defaults and with every check that needs no network: command line to reply, without sockets. */
import { readFileSync } from "node:fs";

import type { Service } from "../../src/smtp/service.ts";
import { costsByTurns, startConversation, startServices } from "./in-process.ts";
import type { Site } from "./servers.ts";
import { figure, table } from "./table.ts";

/** Of a session of the load generator's, which the defaults are measured with: smtpload.c. */
const transactions = 20;
const recipients = 10;
/** Of a hundred recipients, in the mixed load and turned round. */
const shares = [20, 80];
const sessions = 100;

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
  const { answer, end } = await startConversation(service);
  for (const line of commands) {
    const said = answer(line);
    if (said instanceof Promise) {
      await said;
    }
  }
  end();
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
  const { services, stop } = await startServices(site, ["", more]);
  try {
    const rows: string[][] = [];
    for (const share of shares) {
      const [defaults, all] = await rates(services, sessionsWith(users, share), quick ? 3 : 12);
      const ratio = (all ?? Number.NaN) / (defaults ?? Number.NaN);
      rows.push([`${share} %`, figure(defaults), figure(all), figure(ratio)]);
    }
    const head = ["recipients that exist", "defaults, per CPU second", "all checks, per CPU second", "all / defaults"];
    return table([head, ...rows]);
  } finally {
    await stop();
  }
}

/** Recipients in a second of the thread's CPU time, with each service. @param seconds of each, behind as many that do not count */
async function rates(services: readonly Service[], load: readonly string[][], seconds: number): Promise<number[]> {
  let next = 0;
  const costs = await costsByTurns(services, seconds, async (service) => {
    await converse(service, load[next++ % load.length] ?? []);
    return transactions * recipients;
  });
  return costs.map((cost) => 1e6 / cost);
}
