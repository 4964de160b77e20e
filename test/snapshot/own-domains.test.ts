/** `[[domain]]`: what holds for the recipients of one domain, asked of the code that the relay asks. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ask, createService } from "../../src/compose/would-answer.ts";
import type { Settings } from "../../src/config/sections.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { settingsOf } from "../fakes/relay.ts";
import { found, listSource, publish, temporaryFolder } from "./fixture.ts";

const domains = `[domains]
relay = ["kontor.example", "werk.example", ".filiale.example"]
aliases = { "kontor.test" = "kontor.example" }
[checks]
run = ["goodmailto", "aliases", "goodrcptto"]
`;
const hour = 3_600_000;
const stranger = { variables: new Map<string, string>(), denied: false };

/** What the relay says of an address by a configuration, an hour after the list was made. */
async function startAsking() {
  const start = await openList();
  return (config: string, address: string, from?: string) => start(settingsOf(domains + config, "/"))(address, from);
}

/** A list, asked with settings. */
async function openList() {
  const folder = temporaryFolder();
  const path = join(folder, "snapshot.sqlite");
  const everybody = [
    "anna@kontor.example",
    "anna@werk.example",
    "bert@nord.filiale.example",
    found("chef", "shortname"),
    { ...found("board@kontor.example"), rule: "senders:anna+x@werk.example" },
    { ...found("anna@kontor.example"), key: "@werk.example" as never, kind: "catchall" as const },
  ];
  await publish(path, [listSource("a", [...everybody, "leaver@kontor.example", "leaver@werk.example"])], {
    now: () => hour,
  });
  await publish(path, [listSource("a", everybody)], {
    now: () => hour,
    grace: 10 * hour,
    settings: { max_shrink: 1, keep: 3 },
  });
  const snapshot = openSnapshot(path, silentLog);
  return (settings: Settings) => {
    const service = createService(settings, snapshot, () => 2 * hour);
    return async (address: string, from?: string): Promise<string> => {
      const sender = from === undefined ? undefined : parseMailbox(from);
      const { verdict, reply } = await ask(service, address, parseMailbox(address), sender, stranger, "");
      return verdict === "accepted" ? verdict : reply;
    };
  };
}

const unknown = "550 5.1.1 No such user here";
const later = "450 4.2.1 Mailbox not available now, try again later";

describe("[[domain]]", () => {
  it.each([
    [
      "enforces one while the rest observes",
      '[recipients]\nmode = "observe"\n',
      'mode = "enforce"',
      "accepted",
      unknown,
    ],
    ["observes one while the rest enforces", "", 'mode = "observe"', unknown, "accepted"],
    ["switches one off", "", 'mode = "off"', unknown, "accepted"],
    ["has one while the rest is off", '[recipients]\nmode = "off"\n', 'mode = "enforce"', "accepted", unknown],
    ["has its own reply", "", 'reply = "Nobody"', unknown, "550 5.1.1 Nobody"],
    ["has its own time for an old list", "", 'stale_after = "30m"', unknown, later],
  ])("%s", async (_, common, own, there, here) => {
    const answer = await startAsking();
    const config = `${common}[[domain]]\nname = "kontor.example"\n${own}\n`;
    expect(await answer(config, "nobody@nord.filiale.example")).toBe(there);
    expect(await answer(config, "nobody@kontor.example")).toBe(here);
    expect(await answer(config, "nobody@KONTOR.test")).toBe(here);
  });

  it("has its own time for those who left", async () => {
    const answer = await startAsking();
    const config = '[recipients]\ngrace = "2h"\ncatch_all = "off"\n[[domain]]\nname = "werk.example"\ngrace = "1m"\n';
    expect(await answer(config, "leaver@kontor.example")).toBe(later);
    expect(await answer(config, "leaver@werk.example")).toBe(unknown);
  });

  it("is looked up by the most specific name", async () => {
    const answer = await startAsking();
    const own = (name: string, reply: string): string => `[[domain]]\nname = "${name}"\nreply = "${reply}"\n`;
    const config =
      own(".filiale.example", "below") +
      own(".nord.filiale.example", "below north") +
      own("Nord.Filiale.Example", "north") +
      own("kontor.test", "alias");
    expect(await answer(config, "x@sued.filiale.example")).toBe("550 5.1.1 below");
    expect(await answer(config, "x@nord.filiale.example")).toBe("550 5.1.1 north");
    expect(await answer(config, "x@a.nord.filiale.example")).toBe("550 5.1.1 below north");
    // An alias follows its relay domain; a bare user part has none.
    expect(await answer(config, "x@kontor.test")).toBe(unknown);
    expect(await answer(config, "x")).toBe(unknown);
  });

  it("says how its recipients are looked up", async () => {
    const answer = await startAsking();
    const of = (own: string): string => `[[domain]]\nname = "kontor.example"\n${own}\n`;
    expect(await answer(of('match = "user-part"'), "bert@kontor.example")).toBe("accepted");
    expect(await answer(of('match = "user-part"'), "bert@sued.filiale.example")).toBe(unknown);
    expect(await answer(of('recipient_delimiter = "-"'), "anna-x@kontor.example")).toBe("accepted");
    expect(await answer(of('recipient_delimiter = "-"'), "anna+x@kontor.example")).toBe(unknown);
    expect(await answer(of('always = ["info"]'), "info@kontor.example")).toBe("accepted");
    expect(await answer(of('always = ["info"]'), "postmaster@kontor.example")).toBe(unknown);
    expect(await answer(of('always = ["info"]'), "postmaster@nord.filiale.example")).toBe("accepted");
  });

  it("reads a sender by the delimiter of the sender's own domain", async () => {
    const answer = await startAsking();
    const config = '[[domain]]\nname = "kontor.example"\nrecipient_delimiter = ""\n';
    const refused = "550 5.7.1 Delivery not authorized";
    expect(await answer(config, "board@kontor.example", "anna+x+y@werk.example")).toBe("accepted");
    expect(await answer(config, "board@kontor.example", "anna@werk.example")).toBe(refused);
  });

  it("takes the catch-alls of lists unless they are off", async () => {
    const answer = await startAsking();
    const config = '[[domain]]\nname = "werk.example"\ncatch_all = "off"\n';
    expect(await answer("", "nobody@werk.example")).toBe("accepted");
    expect(await answer('[recipients]\ncatch_all = "directory"\n', "nobody@werk.example")).toBe("accepted");
    expect(await answer(config, "nobody@werk.example")).toBe(unknown);
    expect(await answer(config, "anna@werk.example")).toBe("accepted");
  });

  it("gives other checks its reply and its names", async () => {
    const answer = await startAsking();
    const list = join(temporaryFolder(), "good");
    writeFileSync(list, "anna@kontor.example\n");
    const config =
      `[recipients]\nmode = "off"\n[checks.goodrcptto]\nfile = "${list}"\n` +
      '[[domain]]\nname = "kontor.example"\nalways = ["info"]\nreply = "Nobody"\n';
    expect(await answer(config, "nobody@kontor.example")).toBe("550 5.1.1 Nobody");
    expect(await answer(config, "nobody@werk.example")).toBe(unknown);
    expect(await answer(config, "info@kontor.example")).toBe("accepted");
    expect(await answer(config, "postmaster@werk.example")).toBe("accepted");
  });

  it("decides as [recipients] alone where it says the same", async () => {
    const start = await openList();
    const base = settingsOf(domains, "/");
    const word = fc.constantFrom("anna", "bert", "chef", "board", "leaver", "nobody", "postmaster", "info");
    const rest = fc.constantFrom("", "+x", "-x", "%y", "+x-z");
    const place = fc.constantFrom("kontor.example", "Werk.example", "kontor.test", "nord.filiale.example", "x.example");
    const address = fc.tuple(word, rest, place).map(([user, more, domain]) => `${user}${more}@${domain}`);
    const keys = fc.record({
      mode: fc.constantFrom("enforce", "observe", "off", "score"),
      reply: fc.constantFrom("A", "B"),
      grace: fc.constantFrom(0, hour / 2, 5 * hour),
      stale_after: fc.constantFrom(0, hour / 2, 5 * hour),
      match: fc.constantFrom("address", "user-part"),
      recipient_delimiter: fc.constantFrom("", "+", "+-"),
      always: fc.constantFrom([], ["postmaster"], ["info", "anna@kontor.test"]).map((all): string[] => [...all]),
      catch_all: fc.constantFrom("list", "directory", "off"),
    });
    const names = ["kontor.example", "werk.example", ".filiale.example"];
    await fc.assert(
      fc.asyncProperty(keys, fc.array(address, { minLength: 8 }), fc.subarray(names), async (all, asked, some) => {
        const common: Settings = { ...base, recipients: { ...base.recipients, ...all } };
        // Some with every key, the rest with none.
        const domain = names.map((name) => ({ name, ...(some.includes(name) ? all : {}) }));
        const [with_, without] = [start({ ...common, domain }), start(common)];
        for (const one of asked) {
          expect(await with_(one), one).toBe(await without(one));
        }
      }),
      { numRuns: 150 },
    );
  });
});
