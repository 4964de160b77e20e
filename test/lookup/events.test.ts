/** What other mail servers are refused is an event, as what clients of the relay are: in the log, in the journal. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";

import { lookupProtocols } from "../../src/report/counters.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";
import type { MailEvent } from "../../src/report/event.ts";
import { searchJournal } from "../../src/trace/search.ts";
import { readWanted } from "../../src/trace/search-keys.ts";
import { summarise } from "../../src/trace/summary.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { askerOf } from "./askers.ts";
import { lookupSections, policyQuestion, Wire } from "./scene.ts";

const sender = "someone@partner.example";
const config = `
[smtp]
listen = []
hostname = "mx.kontor.example"
[log]
events = "EVENTS"
[trace]
keep = "1d"
folder = "{folder}/trace"
[checks]
run = ["badmailfrom", "goodmailto"]
[checks.badmailfrom]
file = "bad"
reply = "Not from you, reference {ref}"
[limits]
harvest_delay_after = 0
${lookupSections()}
[[lookup]]
name = "beside"
protocol = "policy"
listen = ["unix:{folder}/asked"]
`;
const unknown = "550 5.1.1 No such user here";
/** What each answers to an unknown recipient. */
const words: Readonly<Record<LookupProtocol, string>> = {
  socketmap: "NOTFOUND",
  tcp: "500 not found",
  policy: unknown,
  milter: unknown,
  exim: "unknown",
  qd1: "0",
  http: unknown,
};
const tellsClient = (protocol: LookupProtocol): boolean => ["policy", "milter", "http"].includes(protocol);

describe("refusals to other mail servers", () => {
  let relay: TestRelay;
  const start = async (events: string): Promise<TestRelay> =>
    startTestRelay({
      config: config.replace("EVENTS", events),
      snapshot: ["vera@kontor.example"],
      files: { bad: "@bad.example\n" },
    });
  beforeAll(async () => {
    relay = await start("all");
    for (const [i, protocol] of lookupProtocols.entries()) {
      const asker = await askerOf(protocol, relay.ports[i] ?? 0);
      for (const address of [`${protocol}@kontor.example`, "vera@kontor.example", "x y@elsewhere.example"]) {
        await asker.ask(address, sender);
      }
      asker.close();
    }
  });
  afterAll(() => relay?.stop());

  const find = (what: string): Promise<readonly MailEvent[]> =>
    vi.waitFor(() => {
      const { found } = searchJournal(join(relay.folder, "trace"), readWanted(what), 0, 100);
      expect(found.length).toBeGreaterThan(0);
      return found;
    }, 5000);

  it.each(lookupProtocols)("have the asker, the client, sender, recipient and the answer (%s)", async (protocol) => {
    const [event, ...others] = await find(`${protocol}@kontor.example`);
    const isTold = tellsClient(protocol);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      kind: "refused",
      stage: "lookup",
      listener: protocol,
      protocol,
      asker: "127.0.0.1",
      ip: isTold ? "192.0.2.1" : "",
      recipients: [`${protocol}@kontor.example`],
      code: 550,
      reply: words[protocol],
      by: "goodmailto",
      reason: "unknown",
    });
    expect(event?.sender).toBe(isTold ? sender : undefined);
  });

  it("are found by session, and by what the reply names", async () => {
    const wire = await Wire.open({ path: join(relay.folder, "asked") });
    wire.write(
      policyQuestion({ recipient: "vera@kontor.example", sender: "x@bad.example", client_address: "192.0.2.9" }),
    );
    const [, ref = ""] = /reference (\S+)\n\n$/.exec(await wire.until(/\n\n$/)) ?? [];
    wire.close();
    const [event, ...others] = await find(ref);
    expect(others).toEqual([]);
    expect(event).toMatchObject({ asker: "unix", ip: "192.0.2.9", by: "badmailfrom", sender: "x@bad.example", ref });
    expect(await find(event?.session ?? "")).toHaveLength(1);
    expect(await find("192.0.2.9")).toHaveLength(1);
  });

  it("are lines of the log, and none are those of known recipients and of others' domains", async () => {
    await find("http@kontor.example");
    const lines = relay.log.filter((line) => line.includes("event: refused"));
    const mine = lines.filter((line) => line.includes("listener=policy "));
    expect(mine.join("\n")).toMatch(
      /^event: refused stage=lookup session=\S+ ref=\S+ listener=policy protocol=policy asker=127\.0\.0\.1 ip=192\.0\.2\.1 from=someone@partner\.example to=policy@kontor\.example code=550 reply="550 5\.1\.1 No such user here" by=goodmailto reason=unknown ms=[\d.]+$/,
    );
    expect(lines.join("\n")).not.toMatch(/listener=(?!beside).* to=vera@kontor\.example/);
  });

  it("count in the summary", async () => {
    await find("http@kontor.example");
    const { refused, recipients, clients } = summarise(join(relay.folder, "trace"), 0, Date.now(), 50);
    expect(refused.map(({ name }) => name)).toEqual(["lookup refused"]);
    expect(recipients.map(({ name }) => name)).toEqual(
      expect.arrayContaining(lookupProtocols.map((protocol) => `${protocol}@kontor.example`)),
    );
    expect(clients.find(({ name }) => name === "192.0.2.1")?.count).toBeGreaterThanOrEqual(3);
  });

  it('have no line beside that of the recipient where events = "others"', async () => {
    const other = await start("others");
    const ask = async (protocol: LookupProtocol, address: string, from: string): Promise<void> => {
      const asker = await askerOf(protocol, other.ports[lookupProtocols.indexOf(protocol)] ?? 0);
      await asker.ask(address, from);
      asker.close();
    };
    await ask("policy", "nobody@kontor.example", sender);
    await ask("http", "nobody@elsewhere.example", sender);
    await other.stop();
    const lines = other.log.filter((line) => line.includes("event: "));
    expect(lines).toEqual([expect.stringContaining('reason="not a relay domain"')]);
  });

  it("are told of where there was no answer in time, once", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const slow = await startTestRelay({
      config: `[smtp]\nlisten = []\n[trace]\nkeep = "1d"\nfolder = "{folder}/trace"
[recipients]\nlive = "http://127.0.0.1:${port}"\nlive_timeout = "2s"
${lookupSections(["policy", "http"], 'timeout = "1s"')}`,
      snapshot: ["vera@kontor.example"],
    });
    onTestFinished(async () => {
      await slow.stop();
      silent.close();
    });
    const askers = await Promise.all((["policy", "http"] as const).map((name, i) => askerOf(name, slow.ports[i] ?? 0)));
    await Promise.allSettled(askers.map((asker) => asker.ask("late@kontor.example", sender)));
    askers.forEach((asker) => asker.close());
    // What the check says then, nobody hears.
    await vi.waitFor(() => expect(slow.log.join("\n").match(/late@kontor\.example\)/g)).toHaveLength(2), 5000);
    const found = await vi.waitFor(() => {
      const all = searchJournal(join(slow.folder, "trace"), readWanted("late@kontor.example"), 0, 100).found;
      expect(all.length).toBeGreaterThan(1);
      return all;
    }, 5000);
    expect(found.map(({ protocol, code, reason }) => [protocol, code, reason]).toSorted()).toEqual([
      ["http", 451, "no answer in time"],
      ["policy", 451, "no answer in time"],
    ]);
  }, 20_000);
});
