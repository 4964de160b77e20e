/** geo on databases that MaxMind's own writer made. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { geo } from "../../../src/checks/client/geo.ts";
import { createLists } from "../../../src/compose/lists.ts";
import type { Session } from "../../../src/hooks/session.ts";
import { Pipeline } from "../../../src/hooks/pipeline.ts";
import { noCounters } from "../../../src/report/counters.ts";
import { makeMmdb } from "../../fakes/mmdb.ts";
import { missing } from "../../fakes/need.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf, stepOf } from "../../hooks/steps.ts";
import { asPrinted, mailbox, makeSession } from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

const region = "Mail from your region is not accepted here";

const places = {
  "192.0.2.0/25": "Seattle.US",
  "192.0.2.128/25": "Berlin.DE",
  "198.51.100.0/24": "Rome.IT",
  "203.0.113.0/26": "St. Gallen.CH",
  "203.0.113.64/26": "São Paulo.BR",
  "203.0.113.128/26": ".FR",
  "2001:db8:1::/48": "Seattle.US",
};
const [seattle, berlin, rome] = ["192.0.2.7", "192.0.2.200", "198.51.100.1"];

describe.skipIf(missing("perl", "MaxMind::DB::Writer"))("geo", () => {
  const scene = new ListScene();
  let database: Buffer;
  let pipeline: Pipeline;

  const file = (name: string): string => join(scene.folder, name);
  const write = (name: string, text: string | Buffer): void => {
    // Atomically, as geoipupdate does.
    writeFileSync(file(`${name}.new`), text);
    renameSync(file(`${name}.new`), file(name));
    scene.later();
  };
  const start = (values: Record<string, unknown> = {}): void => {
    const { log, clock } = scene;
    const services = servicesFor({ log, now: clock.now, lists: createLists([scene.folder], "geo", log, clock.now) });
    const run = geo.create(settingsOf(geo, { database: "places.mmdb", ...values }), services);
    pipeline = new Pipeline([stepOf(geo, run, { unless: geo.unless ?? [] })], log, noCounters);
  };
  const connect = async (ip: string, variables = {}): Promise<readonly [string, Session]> => {
    const session = makeSession(variables, ip);
    return [asPrinted((await pipeline.run("connection", session, "policy")).verdict), session];
  };
  const told = async (ip: string, variables = {}): Promise<string> => (await connect(ip, variables))[0];

  beforeAll(() => {
    database = makeMmdb(places);
  });
  beforeEach(() => {
    write("places.mmdb", database);
    start();
  });
  afterEach(() => {
    for (const name of ["places.mmdb", "geo_blacklist", "geo_whitelist"]) {
      rmSync(file(name), { recursive: true, force: true });
    }
    scene.log.lines.length = 0;
  });

  it("refuses every place but those of the whitelist", async () => {
    write("geo_blacklist", "*.*\n");
    write("geo_whitelist", "*.IT\n");
    expect(await told(rome)).toBe("");
    expect(await told(berlin)).toBe(`E554 5.7.1 ${region}`);
    expect(await told("203.0.113.130")).toBe(`E554 5.7.1 ${region}`);
    expect(scene.log.lines).toContain("geo: listed region");
  });

  it.each([
    ["Seattle.US", seattle, berlin],
    ["SEATTLE.us", "2001:db8:1::5", berlin],
    ["SEATTLE.us", "::ffff:192.0.2.7", rome],
    ["*.DE", berlin, seattle],
    ["Rome.*", rome, berlin],
    ["St. Gallen.CH", "203.0.113.1", rome],
    ["Sa\u0303o paulo.br", "203.0.113.65", rome],
    ["*.FR", "203.0.113.130", rome],
  ])("refuses by %s the client %s and not %s", async (entry, listed, other) => {
    write("geo_blacklist", `${entry}\n`);
    expect(await told(listed)).toBe(`E554 5.7.1 ${region}`);
    expect(await told(other)).toBe("");
  });

  it("leaves out what can match nobody, and passes an address that the database does not have", async () => {
    write("geo_blacklist", "Seattle\nBerlin.DEU\n.US\n*.*\n");
    expect(await told("10.1.2.3")).toBe("");
    expect(await told("fe80::1%eth0")).toBe("");
    expect(await told(seattle)).toBe(`E554 5.7.1 ${region}`);
    expect(scene.log.lines.filter((line) => line.includes("can never match"))).toHaveLength(3);
  });

  it("leaves relay clients and whitelisted ones alone", async () => {
    write("geo_blacklist", "*.*\n");
    expect(await told(berlin, { RELAYCLIENT: "" })).toBe("");
    const session = makeSession({}, berlin);
    session.apply({ kind: "whitelist", owner: "session" });
    expect(asPrinted((await pipeline.run("connection", session, "policy")).verdict)).toBe("");
  });

  it("refuses at each recipient with at = rcpt, but for postmaster and users that have logged in", async () => {
    start({ at: "rcpt" });
    write("geo_blacklist", "*.DE\n");
    const ask = async (to: string, variables = {}): Promise<string> => {
      const [greeted, session] = await connect(berlin, variables);
      expect(greeted).toBe("");
      session.begin(undefined);
      session.recipient = mailbox(to);
      return asPrinted((await pipeline.run("rcpt", session, "policy")).verdict);
    };
    expect(await ask("vera@ours.example")).toBe(`E550 5.7.1 ${region}`);
    expect(await ask("postmaster@ours.example")).toBe("");
    expect(await ask("vera@ours.example", { SMTPAUTHUSER: "vera" })).toBe("");
  });

  it("passes everybody while there is no database, and says so once", async () => {
    rmSync(file("places.mmdb"));
    write("geo_blacklist", "*.*\n");
    expect(await told(berlin)).toBe("");
    scene.later();
    expect(await told(berlin)).toBe("");
    expect(scene.log.lines.filter((line) => line.includes("database cannot be read"))).toHaveLength(1);
    write("places.mmdb", database);
    expect(await told(berlin)).toBe(`E554 5.7.1 ${region}`);
  });

  it("goes on with the last database while the file is gone or damaged, and takes the next good one", async () => {
    write("geo_blacklist", "*.DE\n");
    expect(await told(berlin)).toBe(`E554 5.7.1 ${region}`);
    rmSync(file("places.mmdb"));
    scene.later();
    expect(await told(berlin)).toBe(`E554 5.7.1 ${region}`);
    write("places.mmdb", "not a database");
    expect(await told(berlin)).toBe(`E554 5.7.1 ${region}`);
    await expect.poll(() => scene.log.lines.filter((one) => one.includes("database cannot be read")).length).toBe(2);
    expect(await told(berlin)).toBe(`E554 5.7.1 ${region}`);
    write("places.mmdb", makeMmdb({ "192.0.2.0/24": "Rome.IT" }));
    await told(berlin);
    // It is read while clients go on.
    await expect.poll(() => told(berlin)).toBe("");
  });

  it("passes where the lists are missing or empty", async () => {
    expect(await told(berlin)).toBe("");
    write("geo_blacklist", "");
    expect(await told(berlin)).toBe("");
  });
});
