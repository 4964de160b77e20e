/** What a relay of a fleet costs its Redis and its store: commands, octets and the server's time, counted by the servers. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import { SmtpClient } from "../fakes/smtp-client.ts";
import type { Fleet, Member } from "./fleet-site.ts";
import { figure, table } from "./table.ts";

/** Of Redis, since its start. */
interface Counts {
  /** By clients; those of scripts are not among them. */
  readonly commands: number;
  readonly input: number;
  readonly output: number;
  /** Its processor time in µs. */
  readonly cpu: number;
}

/** Names of the commands that relays send. */
const sent = ["get", "mget", "zrange", "evalsha", "eval", "set", "del", "info", "client|setname", "hello"];

async function countsOf(client: Redis): Promise<Counts> {
  const info = await client.info("all");
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
  const calls = sent.map((name) => number(new RegExp(`^cmdstat_${name.replace("|", "\\|")}:calls=(\\d+)`, "m")));
  return {
    commands: calls.reduce((sum, count) => sum + count, 0),
    input: number(/^total_net_input_bytes:(\d+)/m),
    output: number(/^total_net_output_bytes:(\d+)/m),
    cpu: 1e6 * (number(/^used_cpu_sys:([\d.]+)/m) + number(/^used_cpu_user:([\d.]+)/m)),
  };
}

/** One thing that a relay does, many times. */
async function eachCosts(client: Redis, times: number, act: () => Promise<void>, idle: Counts): Promise<Counts> {
  const since = performance.now();
  const before = await countsOf(client);
  await act();
  const after = await countsOf(client);
  const passed = (performance.now() - since) / 1000;
  const of = (key: keyof Counts): number => (after[key] - before[key] - idle[key] * passed) / times;
  return { commands: of("commands"), input: of("input"), output: of("output"), cpu: of("cpu") };
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

async function redisCosts(fleet: Fleet): Promise<string> {
  const [member] = fleet.members;
  if (member === undefined) {
    return "";
  }
  const client = new Redis(fleet.redis.url);
  try {
    const [relays, pause] = [fleet.members.length, 10];
    const before = await countsOf(client);
    await sleep(pause * 1000);
    const after = await countsOf(client);
    const idleOf = (key: keyof Counts): number => (after[key] - before[key]) / pause;
    const idle = { commands: idleOf("commands"), input: idleOf("input"), output: idleOf("output"), cpu: idleOf("cpu") };
    const count = 500;
    const known = await eachCosts(client, count, () => sessions(member, 50, count, ["user1"]), idle);
    const unknown = await eachCosts(client, count, () => sessions(member, 51, count, ["user1", "no1", "no2"]), idle);
    const difference = (key: keyof Counts): number => (unknown[key] - known[key]) / 2;
    const row = (what: string, of: (key: keyof Counts) => number): string[] => [
      what,
      ...(["commands", "input", "output", "cpu"] as const).map((key) => figure(of(key))),
    ];
    return table([
      ["Redis", "commands", "octets to it", "octets from it", "its CPU µs"],
      row("a relay (one process) that does nothing, per second", (key) => idle[key] / relays),
      row("a session without unknown recipients", (key) => known[key]),
      row("an unknown recipient", difference),
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
  const pull = (): Promise<unknown> => fleet.scene.call("pull", "--config", member?.config ?? "");
  await pull();
  const unchanged = await passing(fleet, pull);
  await fleet.join("costs");
  const sent = await passing(fleet, () => fleet.scene.call("sync", "--config", join(fleet.scene.folder, "sync.toml")));
  const changed = await passing(fleet, pull);
  const size = fleet.store.origin.files.values().next().value?.length ?? 0;
  return table([
    [`the store, with a list of ${figure(size)} octets`, "connections", "octets to it", "octets from it"],
    ["a pull without news (304)", ...unchanged],
    ["a pull of a new list (200)", ...changed],
    ["a push by the sync (PUT)", ...sent],
  ]);
}
