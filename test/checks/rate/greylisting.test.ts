/** greylisting by a clock that the test moves, with its state in memory, in a file of two workers, and away. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { greylisting } from "../../../src/checks/rate/greylisting.ts";
import { recipientOptions } from "../../../src/hooks/recipient-options.ts";
import { createLists } from "../../../src/compose/lists.ts";
import { schemaFor } from "../../../src/compose/settings.ts";
import { checkConfig } from "../../../src/config/load.ts";
import type { CheckRun } from "../../../src/hooks/check.ts";
import type { Session } from "../../../src/hooks/session.ts";
import { MemoryStore } from "../../../src/state/memory.ts";
import { RedisStore } from "../../../src/state/redis.ts";
import { SqliteStore } from "../../../src/state/sqlite.ts";
import { State } from "../../../src/state/state.ts";
import type { Store } from "../../../src/state/store.ts";
import { resolverOf } from "../../dns/resolver-of.ts";
import { startDns } from "../../fakes/dns.ts";
import { missingRedis, RedisServer } from "../../fakes/redis.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { asPrinted, mailbox, makeSession } from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const deferred = "E450 4.7.1 This mail is temporarily denied";
const deferredAtData = "E451 4.7.1 This mail is temporarily denied";

interface Attempt {
  readonly ip?: string;
  readonly host?: string;
  readonly from?: string;
  readonly to?: readonly string[];
}

/** What each command of a message is answered, up to DATA; "" is passed. */
async function attempt(check: CheckRun, { ip, host, from = "a@far.test", to = ["vera@ours.example"] }: Attempt = {}) {
  const session = makeSession({}, ip, host);
  const transaction = session.begin(from === "" ? undefined : mailbox(from));
  const said = [asPrinted((await check.mail?.(session)) ?? { kind: "drop" })];
  for (const recipient of said[0] === "" ? to : []) {
    session.recipient = mailbox(recipient);
    said.push(asPrinted((await check.rcpt?.(session)) ?? { kind: "drop" }));
    if (said.at(-1) === "" && session.rcpt !== undefined) {
      transaction.accepted.push(session.rcpt);
    }
  }
  return transaction.accepted.length === 0 ? said : [...said, await data(check, session)];
}

async function data(check: CheckRun, session: Session): Promise<string> {
  return asPrinted((await check.data?.(session)) ?? { kind: "drop" });
}

describe("greylisting", () => {
  let scene: ListScene;
  const states: State[] = [];
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(async () => {
    await Promise.all(states.splice(0).map((state) => state.close()));
    scene.close();
  });

  const stateIn = (store: Store): State => {
    const state = new State(store, scene.log, 20_000);
    states.push(state);
    return state;
  };
  const start = (
    values: Readonly<Record<string, unknown>> = {},
    state = stateIn(new MemoryStore(scene.clock.now)),
    dns = resolverOf(),
  ): CheckRun => {
    const { log, clock } = scene;
    const lists = createLists([], "greylisting", log, clock.now);
    return greylisting.create(settingsOf(greylisting, values), servicesFor({ log, now: clock.now, state, lists, dns }));
  };
  const first = async (check: CheckRun, one?: Attempt): Promise<string | undefined> => (await attempt(check, one))[0];

  it("keeps no client out for longer where the clock was set back", async () => {
    const check = start();
    scene.later(365 * day);
    await first(check);
    await first(check, { ip: "198.51.100.1" });
    scene.later(51 * minute);
    expect(await first(check, { ip: "198.51.100.1" })).toBe("");
    scene.later(-364 * day);
    expect(await first(check)).toBe(deferred);
    expect(await first(check, { ip: "198.51.100.1" })).toBe("");
    scene.later(51 * minute);
    expect(await first(check)).toBe("");
  });

  it("takes the addresses of a network for one client, as wide as the settings say", async () => {
    const check = start();
    await first(check, { ip: "192.0.2.7" });
    await first(check, { ip: "2001:db8:1:2::25" });
    scene.later(51 * minute);
    expect(await first(check, { ip: "192.0.2.250" })).toBe("");
    expect(await first(check, { ip: "192.0.3.7" })).toBe(deferred);
    expect(await first(check, { ip: "2001:db8:1:2:ffff::1" })).toBe("");
    expect(await first(check, { ip: "2001:db8:1:3::25" })).toBe(deferred);
    const exact = start({ network: 32 });
    await first(exact, { ip: "192.0.2.7" });
    scene.later(51 * minute);
    expect(await first(exact, { ip: "192.0.2.250" })).toBe(deferred);
    expect(await first(exact, { ip: "::ffff:192.0.2.7" })).toBe("");
    const odd = start({ network: 27 });
    await first(odd, { ip: "192.0.2.65" });
    scene.later(51 * minute);
    expect(await first(odd, { ip: "192.0.2.94" })).toBe("");
    expect(await first(odd, { ip: "192.0.2.96" })).toBe(deferred);
  });

  it("tells senders apart if asked to, whatever their letter case and tag, the null sender too", async () => {
    const check = start({ remote_ip: false, sender: true });
    await first(check, { from: "A@far.test" });
    await first(check, { from: "prvs=1234abcdef=b@far.test" });
    await first(check, { from: "" });
    scene.later(51 * minute);
    expect(await first(check, { from: "a@FAR.test", ip: "198.51.100.1" })).toBe("");
    expect(await first(check, { from: "prvs=5678abcdef=b@far.test" })).toBe("");
    expect(await first(check, { from: "" })).toBe("");
    expect(await first(check, { from: "c@far.test" })).toBe(deferred);
  });

  it("holds no address in clear in the state", async () => {
    const state = stateIn(new MemoryStore(scene.clock.now));
    await attempt(start({ sender: true, recipient: true }, state));
    const rows = await state.table("greylisting", { ttl: day, most: 10 }).scan("");
    expect(rows.kind === "rows" ? rows.rows.map(([key]) => key) : []).toEqual([
      expect.stringMatching(/^192\.0\.2\.0\/24 from [\w-]{22} to [\w-]{22}$/),
    ]);
  });

  it("defers recipients one by one if asked to, and the null sender at DATA", async () => {
    const check = start({ recipient: true });
    expect(await attempt(check)).toEqual(["", deferred]);
    expect(await attempt(check, { from: "" })).toEqual(["", "", deferredAtData]);
    scene.later(51 * minute);
    const both = { to: ["vera@ours.example", "anna@ours.example"] };
    expect(await attempt(check, both)).toEqual(["", "", deferred, ""]);
    expect(await attempt(check, { from: "", ...both })).toEqual(["", "", "", deferredAtData]);
    expect(await attempt(check, { from: "" })).toEqual(["", "", ""]);
  });

  it("never defers a recipient whose options say so, at RCPT or DATA", async () => {
    for (const values of [{ recipient: true }, { deny_late: true }]) {
      const check = start(values);
      const session = makeSession();
      const { accepted } = session.begin(mailbox("a@far.test"));
      await check.mail?.(session);
      session.recipient = mailbox("vera@ours.example");
      recipientOptions.set(session, new Map([["greylisting", "off"]]));
      expect(await check.rcpt?.(session)).toMatchObject({ kind: "pass" });
      accepted.push(session.rcpt as (typeof accepted)[number]);
      expect(await data(check, session)).toBe("");
      session.recipient = mailbox("anna@ours.example");
      const said = asPrinted((await check.rcpt?.(session)) ?? { kind: "drop" });
      accepted.push(session.rcpt as (typeof accepted)[number]);
      expect(said === "" ? await data(check, session) : said).toMatch(/^E45[01] 4\.7\.1/);
    }
  });

  it("waits with its answer until DATA if asked to, but not for recipients that it was not asked about", async () => {
    const check = start({ deny_late: true });
    expect(await attempt(check)).toEqual(["", "", deferredAtData]);
    // A check before it, whitelist for example, took this recipient.
    const session = makeSession();
    const { accepted } = session.begin(mailbox("a@far.test"));
    await check.mail?.(session);
    accepted.push({ mailbox: mailbox("welcome@ours.example") });
    expect(await data(check, session)).toBe("");
    session.recipient = mailbox("vera@ours.example");
    await check.rcpt?.(session);
    expect(await data(check, session)).toBe("");
    accepted.push(session.rcpt as (typeof accepted)[number]);
    expect(await data(check, session)).toBe(deferredAtData);
    scene.later(51 * minute);
    expect(await attempt(check)).toEqual(["", "", ""]);
  });

  it("leaves alone relay clients, logins and trusted clients and senders", async () => {
    scene.start(greylisting, {}, { state: stateIn(new MemoryStore(scene.clock.now)) });
    expect(await scene.ask({})).toBe(`mail ${deferred}`);
    expect(await scene.ask({ variables: { RELAYCLIENT: "" } })).toBe("");
    expect(await scene.ask({ variables: { SMTPAUTHUSER: "vera" } })).toBe("");
    expect(await scene.ask({ to: "postmaster@ours.example" })).toBe(`mail ${deferred}`);
  });

  it("leaves alone clients of a list, by address, block, host name and pattern, and follows the list", async () => {
    const check = start({ exclude: scene.file });
    expect(await first(check)).toBe(deferred);
    scene.write(
      "192.0.2.7\n198.51.100.\n2001:db8::/32\nmx.friend.example\n/^out\\d+\\.big\\.example$/\n(a+)+\n/(a+)+$/\n",
    );
    for (const ip of ["192.0.2.7", "198.51.100.9", "2001:db8:9::1"]) {
      expect(await first(check, { ip })).toBe("");
    }
    expect(await first(check, { ip: "203.0.113.1", host: "MX.friend.example" })).toBe("");
    expect(await first(check, { ip: "203.0.113.1", host: "out12.big.example" })).toBe("");
    expect(await first(check, { ip: "203.0.113.1", host: "mx.friend.example.bad.test" })).toBe(deferred);
    expect(scene.log.lines.join()).toMatch(/list:6: can never match.*list:7: this pattern takes more than/);
    scene.write("$include list\n");
    expect(await first(check)).toBe("");
    scene.remove();
    expect(await first(check)).toBe(deferred);
  });

  it("asks DNS for a host name only where one is listed, and believes one that leads back", async () => {
    const dns = await startDns();
    try {
      const resolver = resolverOf([dns.server], { timeout: 300 }, scene.log, scene.clock.now);
      const check = start({ exclude: scene.write("192.0.2.0/24\n").file }, undefined, resolver);
      const from = (ip: string): Promise<string | undefined> => first(check, { ip });
      dns.add("1.113.0.203.in-addr.arpa", "PTR", "mx.friend.example");
      dns.add("1.100.51.198.in-addr.arpa", "PTR", "mx.friend.example");
      dns.add("mx.friend.example", "A", "203.0.113.1");
      expect(await from("203.0.113.1")).toBe(deferred);
      expect(dns.asked).toEqual([]);
      scene.write("mx.friend.example\n");
      expect(await from("203.0.113.1")).toBe("");
      expect(await from("198.51.100.1")).toBe(deferred);
      dns.behave("*", { drop: true });
      expect(await from("198.18.0.1")).toBe(deferred);
    } finally {
      await dns.close();
    }
  });

  it("has one state for two workers, also where they are asked at once", async () => {
    const path = join(scene.folder, "state.sqlite");
    const store = (): Store => new SqliteStore(path, scene.log, scene.clock.now);
    const opened = [stateIn(store()), stateIn(store())] as const;
    for (const state of opened) {
      await state.ready();
    }
    const [one, two] = [start({}, opened[0]), start({}, opened[1])];
    const many = await Promise.all(Array.from({ length: 200 }, (_, i) => first(i % 2 === 0 ? one : two)));
    expect(new Set(many)).toEqual(new Set([deferred]));
    scene.later(51 * minute);
    expect(await first(two)).toBe("");
    const known = await Promise.all(Array.from({ length: 200 }, (_, i) => first(i % 2 === 0 ? one : two)));
    expect(new Set(known)).toEqual(new Set([""]));
    expect(scene.log.lines.filter((line) => !line.startsWith("greylisting: "))).toEqual([]);
  });

  it.skipIf(missingRedis())(
    "has one state for two workers through Redis, and defers nobody while that is killed",
    async () => {
      const redis = await RedisServer.start();
      try {
        const opened = [stateIn(new RedisStore(redis.url)), stateIn(new RedisStore(redis.url))] as const;
        for (const state of opened) {
          await expect
            .poll(async () => (await state.table("t", { ttl: 1, most: 1 }).get("x")).kind, { timeout: 10_000 })
            .toBe("absent");
        }
        scene.log.lines.length = 0;
        const [one, two] = [start({}, opened[0]), start({}, opened[1])];
        const many = await Promise.all(Array.from({ length: 50 }, (_, i) => first(i % 2 === 0 ? one : two)));
        expect(new Set(many)).toEqual(new Set([deferred]));
        scene.later(49 * minute);
        expect(await first(two)).toBe(deferred);
        scene.later(2 * minute);
        expect([await first(two), await first(one)]).toEqual(["", ""]);
        expect(await first(one, { ip: "198.51.100.9" })).toBe(deferred);
        await redis.kill();
        expect(await first(two, { ip: "198.51.100.9" })).toBe("");
        expect(scene.log.lines.join("\n")).toContain("state: store is unavailable, continuing without it");
      } finally {
        await redis.close();
      }
    },
    30_000,
  );

  it("takes up a change that another worker makes between its reading and its writing", async () => {
    const store = new MemoryStore(scene.clock.now);
    const race = new RacingStore(store);
    const [other, check] = [start({}, stateIn(store)), start({}, stateIn(race))];
    await first(other);
    scene.later(51 * minute);
    race.meanwhile = () => void first(other);
    expect(await first(check)).toBe("");
    const row = store.get({ name: "greylisting", ttl: day, most: 1 }, "192.0.2.0/24");
    // The other one has accepted it meanwhile: nothing is left to write.
    expect(JSON.parse(row ?? "")).toEqual({ at: scene.clock.time, deferred: 1, accepted: 1 });
  });

  it("writes a known client's record again after a minute, and asks the state once per session meanwhile", async () => {
    const store = new MemoryStore(scene.clock.now);
    let asked = 0;
    const counting = new (class extends MemoryStore {
      override get(...words: Parameters<MemoryStore["get"]>): string | undefined {
        asked++;
        return store.get(...words);
      }
      override swap(...words: Parameters<MemoryStore["swap"]>): boolean {
        return store.swap(...words);
      }
    })();
    const check = start({}, stateIn(counting));
    const row = (): unknown =>
      JSON.parse(store.get({ name: "greylisting", ttl: day, most: 1 }, "192.0.2.0/24") ?? "null");
    await first(check);
    scene.later(51 * minute);
    const accepted = scene.clock.time;
    expect(await first(check)).toBe("");
    scene.later(59_000);
    expect(await first(check)).toBe("");
    expect(row()).toEqual({ at: accepted, deferred: 1, accepted: 1 });
    scene.later(1000);
    expect(await first(check)).toBe("");
    expect(row()).toEqual({ at: accepted + 60_000, deferred: 1, accepted: 2 });
    const session = makeSession();
    asked = 0;
    for (let mail = 0; mail < 3; mail++) {
      session.begin(mailbox("sender@far.test"));
      expect(await check.mail?.(session)).toEqual({ kind: "pass" });
      session.reset(true);
    }
    expect(asked).toBe(1);
  });

  it("defers nobody while the state cannot be used, and logs why", async () => {
    const path = join(scene.folder, "state.sqlite");
    const foreign = new Database(path);
    foreign.exec("CREATE TABLE theirs (x)");
    foreign.close();
    const check = start({}, stateIn(new SqliteStore(path, scene.log, scene.clock.now)));
    expect(await attempt(check)).toEqual(["", "", ""]);
    expect(scene.log.lines.join()).toMatch(/state: store is unavailable, continuing without it .*another program's/);
  });

  it("begins again where the state is damaged, and keeps the damaged file", async () => {
    const path = join(scene.folder, "state.sqlite");
    writeFileSync(path, "no database, but long enough to look like one. ".repeat(100));
    const check = start({}, stateIn(new SqliteStore(path, scene.log, scene.clock.now)));
    expect(await first(check)).toBe(deferred);
    scene.later(51 * minute);
    expect(await first(check)).toBe("");
    expect(existsSync(`${path}.damaged`)).toBe(true);
    expect(scene.log.lines[0]).toBe("state: damaged file moved aside, starting with an empty one");
  });

  it("has settings that must fit together, as errors with their line", () => {
    const faultsOf = (section: string): string[] => {
      const loaded = checkConfig(section, join(scene.folder, "c.toml"), schemaFor, []);
      return loaded.kind === "faults"
        ? loaded.faults
            .filter(({ key }) => key.startsWith("checks"))
            .map(({ line, key, message }) => `${line} ${key} ${message}`)
        : [];
    };
    const late = "needs to be longer than black: otherwise no client would ever be accepted";
    expect(faultsOf('[checks.greylisting]\nblack = "4h"\n')).toEqual([`1 checks.greylisting.grey ${late}`]);
    expect(faultsOf('[checks.greylisting]\nblack = "1h"\ngrey = "1h"\n')).toEqual([
      `3 checks.greylisting.grey ${late}`,
    ]);
    expect(faultsOf('[[checks.greylisting]]\nname = "strict"\nwhite = "1h"\n')).toEqual([
      '3 checks.greylisting "strict" white needs to be longer than grey: otherwise a known client would be forgotten first',
    ]);
    expect(faultsOf("[checks.greylisting]\nremote_ip = false\n")).toEqual([
      "2 checks.greylisting.remote_ip needs to be true if sender and recipient are false: nothing would be remembered",
    ]);
    expect(faultsOf("[checks.greylisting]\nremote_ip = false\nsender = true\n")).toEqual([]);
  });
});

/** A store in which somebody else is quicker once. */
class RacingStore extends MemoryStore {
  readonly #store: MemoryStore;
  meanwhile: (() => void) | undefined;

  constructor(store: MemoryStore) {
    super();
    this.#store = store;
  }

  override get(...words: Parameters<MemoryStore["get"]>): string | undefined {
    const found = this.#store.get(...words);
    this.meanwhile?.();
    this.meanwhile = undefined;
    return found;
  }

  override swap(...words: Parameters<MemoryStore["swap"]>): boolean {
    return this.#store.swap(...words);
  }
}
