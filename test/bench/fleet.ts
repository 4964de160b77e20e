/** A fleet on one machine: how soon a list is everywhere, who is blocked where, what a dead Redis or store does, and what all of it costs. */
import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import { until } from "../end-to-end/scene.ts";
import { missing } from "../fakes/need.ts";
import { missingRedis } from "../fakes/redis.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { measureFleetCosts } from "./fleet-costs.ts";
import { clientLimit, delta, Fleet, pullEvery, pullJitter } from "./fleet-site.ts";
import type { Member } from "./fleet-site.ts";
import { figure, table } from "./table.ts";

/** What was promised, what was seen, and whether that is kept. */
interface Row {
  readonly promise: string;
  readonly seen: string;
  readonly kept: boolean;
}

/** The state waits for a store so long, in ms (src/state/state.ts); then this much for a machine that others use too. */
const [stateDeadline, slack] = [250, 150];

/** Tables, as text. @param people in the directory */
export async function measureFleet(sink: number, people = 5000): Promise<string> {
  if (missing("slapd") || missingRedis()) {
    return "Needs slapd and Redis or Valkey.\n";
  }
  const fleet = await Fleet.start(people, sink);
  const rows: Row[] = [];
  const note = (promise: string, seen: string, kept: boolean): void => {
    rows.push({ promise, seen, kept });
    process.stderr.write(`${kept ? "kept" : "NOT KEPT"}: ${promise}: ${seen}\n`);
  };
  try {
    await byPush(fleet, note);
    await harvest(fleet, note);
    await withoutRedis(fleet, note);
    await byPull(fleet, note);
    await withoutStore(fleet, note);
    const costs = await measureFleetCosts(fleet);
    const shown = rows.map(({ promise, seen, kept }) => [promise, seen, kept ? "yes" : "**no**"]);
    return `${table([["three relays, one Redis, one store", "seen", "kept"], ...shown])}\n${costs}`;
  } finally {
    await fleet.close();
  }
}

type Note = (promise: string, seen: string, kept: boolean) => void;

const seconds = (value: number): string => `${figure(value)} s`;

async function byPush(fleet: Fleet, note: Note): Promise<void> {
  await fleet.distribute("push");
  await fleet.served("user1", "250", performance.now(), 60);
  await fleet.served("nobody", "550", performance.now(), 60);
  const joined = performance.now();
  await fleet.join("pushed");
  await fleet.syncNow();
  const read = (performance.now() - joined) / 1000;
  const join = await fleet.served("pushed", "250", joined, 30);
  note(
    "pushed: who joins is accepted by all within 5 s",
    `${seconds(join)} (\`sync --now\` was over after ${seconds(read)})`,
    join <= 5,
  );
  const left = performance.now();
  await fleet.leave("pushed");
  await fleet.syncNow();
  const leave = await fleet.served("pushed", "550", left, 30);
  note("pushed: who leaves is refused by all within 5 s", seconds(leave), leave <= 5);
  await fleet.stopDistribution();
}

async function byPull(fleet: Fleet, note: Note): Promise<void> {
  await fleet.distribute("pull");
  await until(
    () => fleet.store.origin.asked.filter(({ method, status }) => method === "GET" && status < 400).length,
    (count) => count >= fleet.members.length,
    120_000,
  );
  await fleet.afterTick();
  const joined = performance.now();
  await fleet.join("pulled");
  const join = await fleet.served("pulled", "250", joined, 120);
  const most = delta + pullEvery + pullJitter;
  note(
    `pulled every ${pullEvery} s: who joins is accepted by all within 90 s (delta = "1m", at most ${most} s and the work)`,
    seconds(join),
    join <= 90,
  );
}

/** Unknown recipients that a client may ask for until it is refused, at these relays by turns. */
async function harvestAt(members: readonly Member[], from: string): Promise<number> {
  let refused = 0;
  for (let session = 0; session < 200; session++) {
    const member = members[session % members.length];
    const client = await SmtpClient.open(member?.port ?? 0, from);
    try {
      if ((await client.reply())?.startsWith("220") !== true) {
        return refused;
      }
      await client.command("EHLO harvester.example");
      await client.command("MAIL FROM:<>");
      // One less than ends a session.
      for (let i = 0; i < 9; i++) {
        const reply = await client.command(`RCPT TO:<guess${session}.${i}@kontor.example>`);
        if (reply?.startsWith("550") !== true) {
          return refused;
        }
        refused++;
      }
    } finally {
      client.close();
    }
  }
  return refused;
}

async function harvest(fleet: Fleet, note: Note): Promise<void> {
  const [first] = fleet.members;
  const one = await harvestAt(first === undefined ? [] : [first], "127.0.9.1");
  const three = await harvestAt(fleet.members, "127.0.9.2");
  note(
    "a harvester is refused after as many guesses at three relays by turns as at one",
    `${one} at one, ${three} at three (limit ${clientLimit})`,
    one === three,
  );
  const parts = await Promise.all(fleet.members.map((member) => harvestAt([member], "127.0.9.3")));
  const total = parts.reduce((sum, part) => sum + part, 0);
  note(
    "at three at the same time: at most one guess more for each of the others",
    `${total} (${parts.join(" + ")})`,
    total >= clientLimit && total < clientLimit + fleet.members.length,
  );
  const greetings = await Promise.all(
    fleet.members.map(async ({ port }) => {
      const client = await SmtpClient.open(port, "127.0.9.2");
      const greeting = await client.reply();
      client.close();
      return greeting?.slice(0, 3);
    }),
  );
  note(
    "then no relay lets it in",
    greetings.join(" "),
    greetings.every((code) => code === "421"),
  );
}

/** What clients got in a while. */
interface Got {
  sessions: number;
  /** Replies that should have been others. */
  readonly wrong: string[];
  /** ms. */
  longest: number;
}

/** Sessions at all relays for a while, each of a client of its own. @param network of the clients */
async function useAll(fleet: Fleet, ms: number, network: number): Promise<Got> {
  const got: Got = { sessions: 0, wrong: [], longest: 0 };
  const end = performance.now() + ms;
  const use = async (member: Member, i: number): Promise<void> => {
    for (let count = 0; performance.now() < end; count++) {
      await talk(member, `127.${network}.${i}.${1 + (count % 250)}`, got);
      await sleep(20);
    }
  };
  await Promise.all(fleet.members.flatMap((member, i) => [use(member, 2 * i), use(member, 2 * i + 1)]));
  return got;
}

async function talk({ port, name }: Member, from: string, got: Got): Promise<void> {
  const client = await SmtpClient.open(port, from);
  const step = async (line: string | undefined, wanted: string): Promise<void> => {
    const since = performance.now();
    const reply = await (line === undefined ? client.reply() : client.command(line));
    got.longest = Math.max(got.longest, performance.now() - since);
    if (reply?.startsWith(wanted) !== true) {
      got.wrong.push(`${name}: ${line ?? "greeting"}: ${reply ?? "closed"}`);
    }
  };
  try {
    await step(undefined, "220");
    await step("EHLO client.example", "250");
    await step("MAIL FROM:<someone@sender.example>", "250");
    await step("RCPT TO:<user1@kontor.example>", "250");
    await step("RCPT TO:<nobody@kontor.example>", "550");
    await step("DATA", "354");
    await step("Subject: x\r\n\r\nx\r\n.", "250");
    await step("QUIT", "221");
    got.sessions++;
  } finally {
    client.close();
  }
}

async function withoutRedis(fleet: Fleet, note: Note): Promise<void> {
  const tell = (when: string, { sessions, wrong, longest }: Got): void => {
    note(
      `${when}: nothing else is answered than usual, and nothing later than ${stateDeadline} ms`,
      `${sessions} sessions, ${wrong.length} wrong${wrong.length === 0 ? "" : ` (${wrong[0]})`}, ${figure(longest)} ms at most`,
      wrong.length === 0 && longest <= stateDeadline + slack && sessions > 0,
    );
  };
  await useAll(fleet, 2000, 40);
  tell("Redis there", await useAll(fleet, 4000, 41));
  const killed = useAll(fleet, 6000, 42);
  await sleep(1000);
  await fleet.redis.kill();
  tell("Redis killed meanwhile", await killed);
  await fleet.redis.start();
  await sleep(1500);
  const frozen = useAll(fleet, 6000, 43);
  await sleep(1000);
  fleet.redis.freeze();
  tell("Redis frozen meanwhile", await frozen);
  fleet.redis.thaw();
  await sleep(1500);
  const client = new Redis(fleet.redis.url);
  try {
    const before = Number(await client.get("goodmailto:{harvest}:row:127.0.9.77"));
    await Promise.all(fleet.members.map((member) => harvestOnce(member, "127.0.9.77")));
    const after = Number(await client.get("goodmailto:{harvest}:row:127.0.9.77"));
    note(
      "Redis there again: counts are shared again",
      `${before} before, ${after} after one guess at each`,
      after - before === fleet.members.length,
    );
  } finally {
    client.disconnect();
  }
}

async function harvestOnce({ port }: Member, from: string): Promise<void> {
  const client = await SmtpClient.open(port, from);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<>");
  await client.command("RCPT TO:<nobody@kontor.example>");
  client.close();
}

async function withoutStore(fleet: Fleet, note: Note): Promise<void> {
  const [first] = fleet.members;
  if (first === undefined) {
    return;
  }
  await fleet.store.cut();
  await fleet.join("later");
  const code = await fleet.syncNow();
  note("store killed: the sync says that its list did not arrive", `exit code ${code}`, code === 75);
  const since = performance.now();
  const failing = await until(
    () => Promise.all(fleet.members.map((member) => member.gauge("pull_failures"))),
    (all) => all.every((count) => count >= 3),
    120_000,
  ).catch(() => []);
  note(
    "store killed: the metrics of all relays show that pulls fail",
    `${failing.join(" ")} failures in a row after ${seconds((performance.now() - since) / 1000)}`,
    failing.length > 0,
  );
  const { code: status, text } = await fleet.status(first);
  note(
    "store killed: `goodmailto status` of a relay exits 1 and says why",
    `exit code ${status}: ${/^pull: .*/m.exec(text)?.[0] ?? text}`,
    status === 1,
  );
  const old = await Promise.all(
    fleet.members.flatMap((member) => ["pulled", "nobody", "later"].map((user) => member.ask(user))),
  );
  note(
    "store killed: all relays go on with the list that they have",
    old.join(" "),
    old.join(" ") === Array(3).fill("250 550 550").join(" "),
  );
  await fleet.store.mend();
  const back = performance.now();
  const again = await fleet.served("later", "250", back, 180);
  note(
    `store there again: the new list is with all within ${delta + pullEvery + pullJitter + 5} s`,
    seconds(again),
    again <= delta + pullEvery + pullJitter + 5,
  );
  await sleep((pullEvery + pullJitter) * 1000);
  const calm = await Promise.all(fleet.members.map((member) => member.gauge("pull_failures")));
  const { code: after } = await fleet.status(first);
  note(
    "and the alarm is over",
    `${calm.join(" ")} failures, status exits ${after}`,
    after === 0 && calm.every((count) => count === 0),
  );
}
