/** What a relay of a fleet costs its Redis and its store: commands, octets and the server's time, counted by the servers. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import { SmtpClient } from "../fakes/smtp-client.ts";
import type { Fleet, Member } from "./fleet-site.ts";
import { figure, table } from "./table.ts";

/** Of Redis, since its start. */
interface Counts {
  /** Scripts, which is all that a process without sessions asks for. */
  readonly scripts: number;
  /** Within scripts, too. */
  readonly gets: number;
  readonly input: number;
  readonly output: number;
  /** Its processor time in µs. */
  readonly cpu: number;
}

async function countsOf(client: Redis): Promise<Counts> {
  const info = await client.info("all");
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
  return {
    scripts: number(/^cmdstat_evalsha:calls=(\d+)/m) + number(/^cmdstat_eval:calls=(\d+)/m),
    gets: number(/^cmdstat_get:calls=(\d+)/m),
    input: number(/^total_net_input_bytes:(\d+)/m),
    output: number(/^total_net_output_bytes:(\d+)/m),
    cpu: 1e6 * (number(/^used_cpu_sys:([\d.]+)/m) + number(/^used_cpu_user:([\d.]+)/m)),
  };
}

const none: Counts = { scripts: 0, gets: 0, input: 0, output: 0, cpu: 0 };

/** What is counted while something is done, without what the counting costs itself, and what is there anyway. */
async function counted(client: Redis, act: () => Promise<unknown>, idle: Counts = none): Promise<Counts> {
  const first = await countsOf(client);
  const since = performance.now();
  const before = await countsOf(client);
  await act();
  const after = await countsOf(client);
  const passed = (performance.now() - since) / 1000;
  const of = (key: keyof Counts): number => {
    const ask = key === "cpu" ? 0 : before[key] - first[key];
    return after[key] - before[key] - ask - idle[key] * passed;
  };
  return { scripts: of("scripts"), gets: of("gets"), input: of("input"), output: of("output"), cpu: of("cpu") };
}

function divided({ scripts, gets, input, output, cpu }: Counts, by: number): Counts {
  return { scripts: scripts / by, gets: gets / by, input: input / by, output: output / by, cpu: cpu / by };
}

function minus(one: Counts, other: Counts): Counts {
  const of = (key: keyof Counts): number => one[key] - other[key];
  return { scripts: of("scripts"), gets: of("gets"), input: of("input"), output: of("output"), cpu: of("cpu") };
}

async function sessions(
  { port }: Member,
  network: number,
  count: number,
  recipients: readonly string[],
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = await SmtpClient.open(port, `127.${network}.${i >> 8}.${i & 255}`);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@sender.example>");
    for (const recipient of recipients) {
      await client.command(`RCPT TO:<${recipient}@kontor.example>`);
    }
    await client.command("QUIT");
    client.close();
  }
}

/** Tables, as text. */
export async function measureFleetCosts(fleet: Fleet): Promise<string> {
  return [await redisCosts(fleet), await storeCosts(fleet)].join("\n");
}

/** Per second, without any session. */
async function idleCosts(client: Redis): Promise<Counts> {
  const seconds = 10;
  return divided(await counted(client, () => sleep(seconds * 1000)), seconds);
}

/** Ends all relays but the first. */
async function redisCosts({ redis, members: [member, ...others] }: Fleet): Promise<string> {
  if (member === undefined) {
    return "";
  }
  const client = new Redis(redis.url);
  try {
    const relays = others.length + 1;
    const together = await idleCosts(client);
    await Promise.all(others.map((other) => other.stop()));
    // Who has seen nobody for six seconds is alone.
    await sleep(15_000);
    const alone = await idleCosts(client);
    const count = 500;
    const use = async (network: number, recipients: readonly string[]): Promise<Counts> =>
      divided(await counted(client, () => sessions(member, network, count, recipients), alone), count);
    const known = await use(50, ["user1"]);
    const unknown = await use(51, ["user1", "no1", "no2"]);
    const row = (what: string, commands: number, { input, output, cpu }: Counts): string[] =>
      [commands, input, output, cpu].map(figure).toSpliced(0, 0, what);
    const ofUnknown = divided(minus(unknown, known), 2);
    return table([
      ["Redis", "commands", "octets to it", "octets from it", "its CPU µs"],
      row("a process alone on its machine, per second", alone.scripts, alone),
      row(`one of ${relays} on a machine, per second`, together.scripts / relays, divided(together, relays)),
      row("a session without unknown recipients", known.scripts + known.gets, known),
      row("an unknown recipient", ofUnknown.scripts + ofUnknown.gets, ofUnknown),
    ]);
  } finally {
    client.disconnect();
  }
}

/** One thing that passes between a program and the store, once. */
async function passing({ store }: Fleet, act: () => Promise<unknown>): Promise<string[]> {
  const before = store.passed();
  await act();
  const after = store.passed();
  return [after.connections - before.connections, after.up - before.up, after.down - before.down].map(figure);
}

async function storeCosts(fleet: Fleet): Promise<string> {
  const [member] = fleet.members;
  await fleet.stopDistribution();
  const pull = (): Promise<unknown> => fleet.call("pull", "--config", member?.config ?? "");
  await pull();
  const unchanged = await passing(fleet, pull);
  await fleet.join("costs");
  const sync = (): Promise<unknown> => fleet.call("sync", "--config", join(fleet.scene.folder, "sync.toml"));
  const sent = await passing(fleet, sync);
  const stayed = await passing(fleet, sync);
  const changed = await passing(fleet, pull);
  const size = fleet.store.origin.files.values().next().value?.length ?? 0;
  return table([
    [`the store, with a list of ${figure(size)} octets`, "connections", "octets to it", "octets from it"],
    ["a pull without news (304)", ...unchanged],
    ["a pull of a new list (200)", ...changed],
    ["a push by the sync (PUT, HEAD)", ...sent],
    ["a sync without news (HEAD)", ...stayed],
  ]);
}
