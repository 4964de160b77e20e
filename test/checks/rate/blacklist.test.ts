/** blacklist: who is counted for what, who is blocked for how long, and what a blocked client is told. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { blacklist } from "../../../src/checks/rate/blacklist.ts";
import { createLists } from "../../../src/compose/lists.ts";
import { Pipeline } from "../../../src/hooks/pipeline.ts";
import type { Session } from "../../../src/hooks/session.ts";
import { parseNetwork } from "../../../src/mail/blocks.ts";
import { noCounters } from "../../../src/report/counters.ts";
import { ClientBlocks } from "../../../src/state/client-blocks.ts";
import { MemoryStore } from "../../../src/state/memory.ts";
import { State } from "../../../src/state/state.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf, stepOf } from "../../hooks/steps.ts";
import { away } from "../conditions.ts";
import { asPrinted, makeSession } from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

const later = "E421 4.7.0 Too many refused commands from you; try later";
const minute = 60_000;

describe("blacklist", () => {
  let scene: ListScene;
  let state: State;
  let pipeline: Pipeline;

  const start = (values: Record<string, unknown> = {}, of = state): Pipeline => {
    const { log, clock } = scene;
    const lists = createLists([], "blacklist", log, clock.now);
    const services = servicesFor({ log, now: clock.now, lists, state: of });
    const run = blacklist.create(settingsOf(blacklist, { rate: "3/1m", ignore: scene.file, ...values }), services);
    return new Pipeline([stepOf(blacklist, run, { unless: blacklist.unless ?? [] })], log, noCounters);
  };
  beforeEach(() => {
    scene = new ListScene();
    state = new State(new MemoryStore(scene.clock.now), scene.log);
    pipeline = start();
  });
  afterEach(() => scene.close());

  const connect = async (ip: string, variables = {}, to = pipeline): Promise<string> =>
    asPrinted((await to.run("connection", makeSession(variables, ip), "policy")).verdict);
  const deny = async (session: Session, reason = "unknown", times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) {
      await pipeline.denied(session, { check: "goodmailto", reason, hook: "rcpt" });
    }
  };

  it("blocks a client at its last refusal within the time, for the time that is set", async () => {
    await deny(makeSession({}, "192.0.2.7"), "unknown", 2);
    expect(await connect("192.0.2.7")).toBe("");
    await deny(makeSession({}, "192.0.2.7"));
    expect(await connect("192.0.2.7")).toBe(later);
    expect(await connect("192.0.2.8")).toBe("");
    scene.later(60 * minute - 1);
    expect(await connect("192.0.2.7")).toBe(later);
    scene.later(1);
    expect(await connect("192.0.2.7")).toBe("");
  });

  it("forgets refusals when the time since the first one is over", async () => {
    await deny(makeSession({}, "192.0.2.7"), "unknown", 2);
    scene.later(minute);
    await deny(makeSession({}, "192.0.2.7"), "unknown", 2);
    expect(await connect("192.0.2.7")).toBe("");
  });

  it.each([
    ["unknown", true],
    ["relaying denied", true],
    ["listed", true],
    ["variable", true],
    ["trap", true],
    ["spam", true],
    ["virus", true],
    ["wrong password", true],
    ["greylisted", false],
    ["vanished", false],
  ])("counts a refusal for %s: %s", async (reason, counts) => {
    await deny(makeSession({}, "192.0.2.7"), reason, 3);
    expect(await connect("192.0.2.7")).toBe(counts ? later : "");
  });

  it("counts only the events that are wanted, and nothing without a rate", async () => {
    pipeline = start({ events: ["trap"] });
    await deny(makeSession({}, "192.0.2.7"), "unknown", 5);
    expect(await connect("192.0.2.7")).toBe("");
    pipeline = start({ rate: "" });
    await deny(makeSession({}, "192.0.2.7"), "trap", 5);
    expect(await connect("192.0.2.7")).toBe("");
  });

  it("keeps the counts of instances apart, and shares whom they block", async () => {
    const session = makeSession({}, "192.0.2.7");
    const denial = { check: "goodmailto", hook: "rcpt" } as const;
    const traps = start({ events: ["trap"], rate: "2/1m" });
    for (const reason of ["unknown", "unknown", "trap"]) {
      await pipeline.denied(session, { ...denial, reason: reason === "trap" ? "greylisted" : reason });
      await traps.denied(session, { ...denial, reason });
    }
    expect(await connect("192.0.2.7")).toBe("");
    await traps.denied(session, { ...denial, reason: "trap" });
    expect(await connect("192.0.2.7", {}, traps)).toBe(later);
    expect(await connect("192.0.2.7")).toBe(later);
  });

  it("takes an IPv6 /64 for one client", async () => {
    await deny(makeSession({}, "2001:db8:1:2::1"));
    await deny(makeSession({}, "2001:db8:1:2::2"), "unknown", 2);
    expect(await connect("2001:db8:1:2:ffff::9")).toBe(later);
    expect(await connect("2001:db8:1:3::1")).toBe("");
  });

  it("never counts nor blocks relay clients, users that have logged in and clients to be ignored", async () => {
    scene.write("192.0.2.\nnonsense\n");
    await deny(makeSession({}, "192.0.2.7"), "unknown", 3);
    expect(await connect("192.0.2.7")).toBe("");
    expect(scene.log.lines.filter((line) => line.includes("line left out"))).toHaveLength(1);
    await deny(makeSession({ SMTPAUTHUSER: "vera" }, "198.51.100.7"), "unknown", 3);
    await deny(makeSession({ NOGOODMAILTO: "" }, "198.51.100.7"), "unknown", 3);
    expect(await connect("198.51.100.7")).toBe("");
    await deny(makeSession({}, "198.51.100.7"), "unknown", 3);
    expect(await connect("198.51.100.7", { RELAYCLIENT: "" })).toBe("");
    expect(await connect("198.51.100.7")).toBe(later);
    scene.write("198.51.100.7\n");
    expect(await connect("198.51.100.7")).toBe("");
    scene.write("198.51.100.7\n", 0o000).remove();
    expect(await connect("198.51.100.7")).toBe(later);
  });

  it("refuses for good, or only logs, as it is told", async () => {
    await deny(makeSession({}, "192.0.2.7"), "unknown", 3);
    expect(await connect("192.0.2.7", {}, start({ action: "permanent" }))).toBe(
      "E554 5.7.1 Too many refused commands from you",
    );
    expect(await connect("192.0.2.7", {}, start({ action: "log" }))).toBe("");
    expect(scene.log.lines).toContain("blacklist: blocked client");
  });

  it("knows what others that share the state have blocked and unblocked, and tells a client which", async () => {
    const other = new ClientBlocks(state, scene.clock.now);
    const network = parseNetwork("192.0.2.0/24");
    if (network === undefined) {
      throw new TypeError("no network");
    }
    const block = { from: scene.clock.time, until: scene.clock.time + minute, why: "", by: "command" } as const;
    expect(await connect("192.0.2.7")).toBe("");
    await other.add(network, block);
    scene.later(500);
    expect(await connect("192.0.2.7")).toBe("E421 4.7.0 Mail from your address is not accepted here at present");
    expect(await connect("192.0.2.7", {}, start({ action: "permanent" }))).toBe(
      "E554 5.7.1 Mail from your address is not accepted here",
    );
    expect(await other.remove(network)).toEqual({ kind: "done" });
    scene.later(500);
    expect(await connect("192.0.2.7")).toBe("");
  });

  it("counts and blocks in its own process while the state is unavailable", async () => {
    pipeline = start({}, new State(away, scene.log));
    await deny(makeSession({}, "192.0.2.7"), "unknown", 3);
    await expect.poll(() => connect("192.0.2.7")).toBe(later);
    expect(await connect("192.0.2.8")).toBe("");
  });
});
