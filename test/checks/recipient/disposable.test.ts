/** disposable: what such an address is, who holds its last place, and what becomes of a place without a message. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { disposable } from "../../../src/checks/recipient/disposable.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import type { RecipientAnswer } from "../../../src/snapshot/recipients.ts";
import { silentLog } from "../../../src/report/log.ts";
import { SqliteStore } from "../../../src/state/sqlite.ts";
import { MemoryStore } from "../../../src/state/memory.ts";
import { State } from "../../../src/state/state.ts";
import type { Store } from "../../../src/state/store.ts";
import type { NextHop } from "../../fakes/next-hop.ts";
import type { TestRelay } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";
import { recipientsOf, servicesFor } from "../../hooks/services.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { closeScenes, hello, scene, send } from "../../relay/scene.ts";
import { asPrinted, mailbox, makeSession } from "../fixture.ts";

const unknown = "550 5.1.1 No such user here";
const accepted = "250 2.1.5 Recipient OK";
const checks = (more = ""): string => `[checks]\nrun = ["disposable", "goodmailto"]\n[checks.disposable]\n${more}`;
const listed = { snapshot: ["vera"] };

afterEach(closeScenes);

/** A check with a directory of its own that says the same of everybody. */
function start(
  values = {},
  answer: RecipientAnswer = { kind: "unavailable", why: "none" },
  store: Store = new MemoryStore(),
) {
  // A busy machine is no reason to go on without the state.
  const state = new State(store, silentLog, 10_000);
  const domains = createDomains(["ours.example"], { "alias.example": "ours.example" });
  const clock = { time: Date.UTC(2026, 2, 9, 23, 59, 59) };
  const services = servicesFor({ state, domains, recipients: recipientsOf(answer), now: () => clock.time });
  const check = disposable.create(settingsOf(disposable, values), services);
  /** The refusal, or the address at which the recipient is then known. */
  const ask = async (address: string, session = makeSession()): Promise<string> => {
    if (session.transaction === undefined) {
      session.begin(undefined);
    }
    session.recipient = mailbox(address);
    session.changing = "rcpt";
    const verdict = await check.rcpt?.(session);
    return verdict?.kind === "pass" ? (session.recipient?.raw ?? "") : asPrinted(verdict ?? { kind: "drop" });
  };
  const rows = async () => state.table<number>("disposable", { ttl: 1e12, most: 1000 }).scan("");
  return { check, ask, clock, rows };
}

describe("disposable addresses", () => {
  it.each([
    ["Vera.5.Count@ours.example", "Vera@ours.example"],
    ["vera.count.100@Ours.Example", "vera@Ours.Example"],
    ["a.b.1.count@alias.example", "a.b@alias.example"],
    ["vera.5.count", "vera"],
    ["vera.until.20260310@ours.example", "vera@ours.example"],
    ["vera.20260310.until@ours.example", "vera@ours.example"],
  ])("%s is %s", async (address, base) => {
    expect(await start().ask(address)).toBe(base);
  });

  it.each([
    "vera.101.count@ours.example",
    "vera.99999999999.count@ours.example",
    "vera.-1.count@ours.example",
    "5.count@ours.example",
    ".5.count@ours.example",
    "vera.count@ours.example",
    "vera.until.20261301@ours.example",
    "vera.until.20260230@ours.example",
    "vera.until.2026031@ours.example",
    '"vera.5.count"@ours.example',
    '"a@b.5.count"@ours.example',
    "vera.5.count@foreign.example",
    "vera.until.20200101@foreign.example",
  ])("%s is none of them", async (address) => {
    expect(await start().ask(address)).toBe(address);
  });

  it("have the words and the separator of the settings", async () => {
    const { ask } = start({ separator: "+", count_word: "mal", until_word: "bis", max: 3 });
    expect(await ask("vera+3+MAL@ours.example")).toBe("vera@ours.example");
    expect(await ask("vera+bis+20260401@ours.example")).toBe("vera@ours.example");
    expect(await ask("vera+4+mal@ours.example")).toBe("vera+4+mal@ours.example");
    expect(await ask("vera.3.mal@ours.example")).toBe("vera.3.mal@ours.example");
  });

  it("end at the beginning of their day, UTC", async () => {
    const { ask, clock } = start();
    expect(await ask("vera.until.20260310@ours.example")).toBe("vera@ours.example");
    clock.time += 1000;
    expect(await ask("vera.until.20260310@ours.example")).toBe(`E${unknown}`);
  });

  it("of zero messages are used up", async () => {
    expect(await start().ask("vera.0.count@ours.example")).toBe(`E${unknown}`);
  });

  it("make no count for users that the directory does not have, nor keep one that is given back", async () => {
    const stranger = start({}, { kind: "unknown" });
    expect(await stranger.ask("nobody.5.count@ours.example")).toBe("nobody.5.count@ours.example");
    expect(await stranger.rows()).toEqual({ kind: "rows", rows: [] });
    const { check, ask, rows } = start();
    const session = makeSession();
    await ask("vera.5.count@ours.example", session);
    expect(await rows()).toEqual({ kind: "rows", rows: [["vera@ours.example 5", 1]] });
    check.concluded?.(session, "not delivered");
    await expect.poll(rows).toEqual({ kind: "rows", rows: [] });
  });

  it("are accepted and not counted while the state is away", async () => {
    const store = new MemoryStore();
    store.add = () => {
      throw new Error("away");
    };
    const { ask } = start({}, undefined, store);
    expect(await ask("vera.0.count@ours.example")).toBe("vera@ours.example");
  });

  it("have one count for all workers of a machine", async () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-disposable-"));
    const stores = [1, 2].map(() => new SqliteStore(join(folder, "state.sqlite"), silentLog));
    try {
      const [one, other] = stores.map((store) => start({}, undefined, store));
      const [session, second] = [makeSession(), makeSession()];
      expect(await one?.ask("vera.1.count@ours.example", session)).toBe("vera@ours.example");
      expect(await other?.ask("vera.1.count@ours.example", second)).toBe(`E${unknown}`);
      one?.check.concluded?.(session, "not delivered");
      await expect.poll(() => one?.rows()).toEqual({ kind: "rows", rows: [] });
      expect(await other?.ask("vera.1.count@ours.example", second)).toBe("vera@ours.example");
      const asked = Array.from({ length: 200 }, async (_, n) => {
        return (n % 2 === 0 ? one : other)?.ask("vera.5.count@ours.example");
      });
      const said = await Promise.all(asked);
      expect(said.filter((answer) => answer === "vera@ours.example")).toHaveLength(5);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
      rmSync(folder, { recursive: true });
    }
  });

  it("give a place back where the client went away while the state answered", async () => {
    const memory = new MemoryStore();
    const slow = Promise.withResolvers<void>();
    const add = memory.add.bind(memory);
    const store: Store = Object.assign(memory, {
      add: (...[table, key, by, ttl]: Parameters<Store["add"]>) =>
        by > 0 ? slow.promise.then(() => add(table, key, by, ttl)) : add(table, key, by, ttl),
    });
    const { ask, rows } = start({}, undefined, store);
    const session = makeSession();
    const asked = ask("vera.1.count@ours.example", session);
    session.reset(true);
    slow.resolve();
    await asked;
    await expect.poll(rows).toEqual({ kind: "rows", rows: [] });
  });
});

describe("the places of a disposable address", () => {
  const rcpt = async (client: SmtpClient, address: string): Promise<string | undefined> => {
    await client.command("MAIL FROM:<shop@far.example>");
    return client.command(`RCPT TO:<${address}@kontor.example>`);
  };

  it("are not taken twice by two sessions at once, and come back when one gives up", async () => {
    const { relay } = await scene({}, checks(), listed);
    const [one, other] = [await hello(relay), await hello(relay)];
    expect(await rcpt(one, "vera.1.count")).toBe(accepted);
    expect(await rcpt(other, "vera.1.count")).toBe(unknown);
    await one.command("RSET");
    expect(await other.command("RCPT TO:<vera.1.count@kontor.example>")).toBe(accepted);
    one.close();
    other.close();
  });

  it("come back from a client that is gone before its message is whole", async () => {
    const { relay, hop } = await scene({}, checks(), listed);
    const one = await hello(relay);
    expect(await rcpt(one, "vera.1.count")).toBe(accepted);
    await one.command("DATA");
    one.write("Subject: half\r\n");
    one.close();
    await hop.until(() => hop.open === 0);
    const other = await hello(relay);
    expect(await rcpt(other, "vera.1.count")).toBe(accepted);
    other.close();
  });

  it.each([
    ["refuses the recipient", { recipients: { "vera@kontor.example": "450 4.2.2 Full" } }],
    ["refuses DATA", { answers: { data: "451 4.3.0 Not now" } }],
    ["refuses the message", { answers: { dot: "554 5.7.1 No" } }],
  ])("come back where the next hop %s", async (_, script) => {
    const { relay, hop } = await scene(script, checks(), listed);
    const client = await hello(relay);
    const replies = await send(client, ["vera.1.count@kontor.example"]);
    expect(replies.at(-1)).not.toMatch(/^250/);
    Object.assign(hop.script, { recipients: {}, answers: {} });
    await client.command("RSET");
    expect((await send(client, ["vera.1.count@kontor.example"])).at(-1)).toMatch(/^250/);
    expect((await send(client, ["vera.1.count@kontor.example"]))[0]).toBe(unknown);
    client.close();
  });

  it("count one message that names the address twice, and one whose client went away before the reply", async () => {
    const { relay, hop } = await scene({ answers: { dot: { later: 200, reply: "250 2.0.0 ok" } } }, checks(), listed);
    const one = await hello(relay);
    await send(one, ["vera.2.count@kontor.example", "vera.count.2@kontor.example"]);
    await one.command("MAIL FROM:<shop@far.example>");
    await one.command("RCPT TO:<vera.2.count@kontor.example>");
    await one.command("DATA");
    one.write("Subject: second\r\n\r\n.\r\n");
    await hop.until(() => hop.received.length === 2);
    one.close();
    await hop.until(() => hop.received.every(({ answer }) => answer !== ""));
    const other = await hello(relay);
    expect(await rcpt(other, "vera.2.count")).toBe(unknown);
    other.close();
  });

  it("count each RCPT where attempts count", async () => {
    const { relay } = await scene({}, checks('count = "attempts"\n'), listed);
    const client = await hello(relay);
    expect(await rcpt(client, "vera.1.count")).toBe(accepted);
    await client.command("RSET");
    expect(await rcpt(client, "vera.1.count")).toBe(unknown);
    client.close();
  });

  it("are not held, and nothing is rewritten, in mode observe and for relay clients that write elsewhere", async () => {
    const { relay, hop } = await scene({}, checks('mode = "observe"\n'), listed);
    const client = await hello(relay);
    expect(await send(client, ["vera.1.count@kontor.example", "vera@kontor.example"])).toMatchObject({ 0: unknown });
    expect(hop.received[0]?.recipients).toEqual(["vera@kontor.example"]);
    client.close();
    const own = await openRelayClient();
    await send(own.client, ["x.1.count@foreign.example"]);
    expect(own.hop.received[0]?.recipients).toEqual(["x.1.count@foreign.example"]);
    own.client.close();
  });
});

async function openRelayClient(): Promise<{ client: SmtpClient; hop: NextHop; relay: TestRelay }> {
  const { relay, hop } = await scene({}, `${checks()}[clients]\nrules = "rules"\n`, {
    ...listed,
    files: { rules: '127.:allow,RELAYCLIENT=""\n' },
  });
  return { client: await hello(relay), hop, relay };
}
