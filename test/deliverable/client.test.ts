/** The client of qmail-deliverabled: what it takes for an answer, how long it waits, what it keeps. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { DeliverableClient } from "../../src/deliverable/client.ts";
import { isAskable, meaningOf, pathOf } from "../../src/deliverable/codes.ts";
import { startDeliverabled } from "../fakes/deliverabled.ts";
import type { FakeDeliverabled } from "../fakes/deliverabled.ts";

describe("the client of qmail-deliverabled", () => {
  let daemon: FakeDeliverabled;
  let time = 1_000_000;
  beforeEach(async () => {
    time = 1_000_000;
    daemon = await startDeliverabled({ "vera@ours.example": 241, "nobody@ours.example": 0 });
  });
  afterEach(() => daemon.close());
  const create = (timeout = 5000, cache = 60_000) => new DeliverableClient({ timeout, cache, now: () => time });
  const ask = async (client: DeliverableClient, address: string, port = daemon.port) => {
    const said = await client.ask({ host: "127.0.0.1", port }, address);
    return said.kind === "code" ? said.code : said.why;
  };

  it("takes a number of status 200 for an answer, and nothing else", async () => {
    const client = create();
    expect(await ask(client, "vera@ours.example")).toBe(241);
    expect(await ask(client, "nobody@ours.example")).toBe(0);
    for (const [fault, why] of [
      ["empty", /^status 204/],
      ["error", /^status 500 "0"/],
      ["redirect", /^status 302/],
      ["nonsense", /^status 200 "deliverable"/],
      ["endless", /^status 200 "0000/],
      ["cut", /socket hang up|ECONNRESET/],
    ] as const) {
      daemon.answer(`${fault}@ours.example`, fault);
      expect(await ask(create(), `${fault}@ours.example`)).toMatch(why);
    }
  });

  it("waits no longer than its deadline, also where the answer began", async () => {
    daemon.answer("slow@ours.example", "hang");
    const before = performance.now();
    expect(await ask(create(100), "slow@ours.example")).toBe("no answer within the deadline");
    expect(performance.now() - before).toBeLessThan(3000);
  });

  it("keeps what is certain for its time, and asks once for all who wait", async () => {
    const client = create();
    await Promise.all(Array.from({ length: 20 }, () => ask(client, "vera@ours.example")));
    expect(client.ask({ host: "127.0.0.1", port: daemon.port }, "vera@ours.example")).not.toBeInstanceOf(Promise);
    expect(daemon.asked).toHaveLength(1);
    time += 60_000;
    await ask(client, "vera@ours.example");
    expect(daemon.asked).toHaveLength(2);
    for (const code of [33, 34, 47, 254, 255]) {
      daemon.answer(`c${code}@ours.example`, code);
      await ask(client, `c${code}@ours.example`);
      expect(await ask(client, `c${code}@ours.example`)).toBe(code);
      expect(daemon.asked.filter((address) => address === `c${code}@ours.example`)).toHaveLength(2);
    }
    const without = create(5000, 0);
    await ask(without, "vera@ours.example");
    await ask(without, "vera@ours.example");
    expect(daemon.asked).toHaveLength(14);
  });

  it("leaves a daemon alone for ten seconds after three failures, and no other", async () => {
    const client = create();
    const { port } = daemon;
    await daemon.close();
    for (let i = 0; i < 3; i++) {
      expect(await ask(client, `a${i}@ours.example`, port)).toMatch(/ECONNREFUSED/);
    }
    daemon = await startDeliverabled({ "vera@ours.example": 241 }, port);
    expect(await ask(client, "vera@ours.example", port)).toBe("it did not answer before");
    const other = await startDeliverabled({ "vera@ours.example": 0 });
    expect(await ask(client, "vera@ours.example", other.port)).toBe(0);
    await other.close();
    time += 10_000;
    expect(await ask(client, "vera@ours.example", port)).toBe(241);
  });

  it("asks no more than two hundred questions at a time", async () => {
    const client = create(300);
    const addresses = Array.from({ length: 250 }, (_, i) => `u${i}@ours.example`);
    addresses.forEach((address) => daemon.answer(address, "hang"));
    const answers = await Promise.all(addresses.map((address) => ask(client, address)));
    expect(answers.filter((why) => why === "200 questions wait for an answer")).toHaveLength(50);
  });

  it("asks again where the daemon closed a kept connection", async () => {
    const client = create(5000, 0);
    for (let i = 0; i < 20; i++) {
      expect(await ask(client, "vera@ours.example")).toBe(241);
      daemon.closeIdle();
    }
  });

  it("escapes the address, and asks only about what the original asks", () => {
    expect(pathOf("deliverable", "a%b+c&d#e?f@ours.example")).toBe(
      "/qd1/deliverable?a%25b%2Bc%26d%23e%3Ff%40ours.example",
    );
    const good = ["vera@ours.example", "a.b-c=d@ours.example", "o'neil@x"];
    const bad = [
      "vera",
      "@ours.example",
      "a..b@x",
      ".a@x",
      "a b@x",
      '"a"@x',
      "a@b@x",
      "a@x..y",
      "a@[192.0.2.1]",
      "*)(mail=*@x",
      "Vera@x",
    ];
    expect(good.filter((text) => !isAskable(text))).toEqual([]);
    expect(bad.filter(isAskable)).toEqual([]);
  });

  it("takes no number but 0 for a no", () => {
    expect([0, 17, 18, 19, 20, 33, 34, 47, 241, 242, 246, 254, 255, 999].map(meaningOf)).toEqual([
      "undeliverable",
      "deliverable",
      "deliverable",
      "deliverable",
      "deliverable",
      "later",
      "later",
      "untold",
      "deliverable",
      "deliverable",
      "deliverable",
      "untold",
      "untold",
      "deliverable",
    ]);
  });
});
