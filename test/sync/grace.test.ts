import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { servicesFor } from "../hooks/services.ts";
import { goodmailto } from "../../src/checks/recipient/goodmailto.ts";
import { Session } from "../../src/hooks/session.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { replyText } from "../../src/mail/reply.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import type { LookupSettings } from "../../src/snapshot/recipients.ts";
import type { Trust } from "../../src/snapshot/trust.ts";
import type { JobOptions } from "../../sync/run/full.ts";
import type { FoundAddress } from "../../sync/source.ts";
import { addresses, found, listSource, mailbox, publish, temporaryFolder } from "../snapshot/fixture.ts";

const domains = createDomains(["kontor.example"], { "kontor.test": "kontor.example" });
const hour = 3_600_000;
const secret = "5a".repeat(32);

interface Asked {
  readonly now: number;
  readonly grace?: number;
  readonly staleAfter?: number;
  readonly from?: string;
  readonly variables?: readonly string[];
  readonly match?: LookupSettings["match"];
}

/** What the relay answers: the log's words and the reply. */
function ask(path: string, address: string, asked: Asked, trust?: Trust): string {
  const { now, grace = 0, staleAfter = 0, from = "", variables = [], match = "address" } = asked;
  const reader = openSnapshot(path, silentLog, trust === undefined ? {} : { trust });
  const recipients = createRecipients(reader, domains, { match, always: [], recipient_delimiter: "+" });
  const settings = { reply: "No such user here", grace, stale_after: staleAfter };
  const check = goodmailto.create(settings as never, servicesFor({ recipients, domains, now: () => now }));
  const none = { ip: "192.0.2.1", port: 0, host: "" };
  const session = new Session("s", none, none, "test", new Map(variables.map((name) => [name, ""])), () => undefined);
  session.begin(from === "" ? undefined : mailbox(from));
  session.recipient = mailbox(address);
  const verdict = check.rcpt?.(session);
  reader.close();
  if (verdict === undefined || verdict instanceof Promise) {
    throw new TypeError("The check must answer at once");
  }
  return verdict.kind === "refuse"
    ? `${words(verdict) ?? verdict.reason}: ${replyText(verdict.reply)}`
    : verdict.kind === "pass"
      ? (words(verdict) ?? "pass")
      : verdict.kind;
}

/** What the log line of a recipient says. */
function words({ finding }: { readonly finding?: string }): string | undefined {
  return finding === undefined ? undefined : goodmailto.findings?.[finding];
}

const later = "450 4.2.1 Mailbox not available now, try again later";
const gone = "not found: 550 5.1.1 No such user here";

function target(): string {
  return join(temporaryFolder(), "snapshot.sqlite");
}

describe.each([
  ["plain", undefined, undefined],
  ["keyed", createKeyedForm(secret, "address"), { match: "address", secret, publicKeys: [] }],
] as const)("grace in a %s list", (_, form, trust) => {
  const protection = form === undefined ? {} : { protection: { form, signer: undefined } };
  const at = (hours: number): Partial<JobOptions> => ({ now: () => hours * hour, grace: 5 * hour, ...protection });
  const all = addresses(50);

  it("answers 450 for a vanished address until its time is over, and counts it as removed", async () => {
    const path = target();
    await publish(path, [listSource("list", all)], at(1));
    await publish(path, [listSource("list", all.slice(1))], at(2));
    const grace = 5 * hour;
    expect(ask(path, "a1@kontor.example", { now: 2 * hour, grace }, trust)).toBe("found");
    expect(ask(path, "a0@kontor.test", { now: 2 * hour, grace }, trust)).toBe(`not found (grace): ${later}`);
    expect(ask(path, "a0+list@kontor.example", { now: 2 * hour, grace }, trust)).toBe(`not found (grace): ${later}`);
    expect(ask(path, "a0@kontor.example", { now: 2 * hour, grace, variables: ["NOGOODMAILTO"] }, trust)).toMatch(
      /^bypassed/,
    );
    // The relay looks at the clock itself: a sync that never comes again prolongs nothing.
    expect(ask(path, "a0@kontor.example", { now: 7 * hour - 1, grace }, trust)).toContain("450 4.2.1");
    expect(ask(path, "a0@kontor.example", { now: 7 * hour, grace }, trust)).toBe(gone);
    expect(ask(path, "a0@kontor.example", { now: 2 * hour }, trust)).toBe(gone);
    const reader = openSnapshot(path, silentLog, trust === undefined ? {} : { trust });
    expect(reader.state).toMatchObject({ kind: "open", rows: 49 });
    expect(reader.image?.counts()).toEqual([{ source: "list", kind: "account", count: 49 }]);
    reader.close();
  });

  it("remembers since when over later syncs, forgets at the end, and makes whole what comes back", async () => {
    const path = target();
    const sizes: number[] = [];
    for (const [hours, list] of [
      [1, all],
      [2, all.slice(2)],
      [3, all.slice(2)],
      [4, all.slice(1)],
      [8, all.slice(1)],
    ] as const) {
      await publish(path, [listSource("list", list)], at(hours));
      const reader = openSnapshot(path, silentLog, trust === undefined ? {} : { trust });
      sizes.push(reader.state.kind === "open" ? reader.state.rows : 0);
      const row = reader.image?.findAddress("a0@kontor.example");
      expect(row?.gone, `at ${hours} hours`).toBe(hours === 1 ? 0 : hours === 8 ? undefined : 2 * hour);
      reader.close();
    }
    expect(sizes).toEqual([50, 48, 48, 49, 49]);
    expect(ask(path, "a1@kontor.example", { now: 8 * hour, grace: 5 * hour }, trust)).toBe("found");
  });
});

describe("grace", () => {
  it("finds an address of another source, and one without its extension, before a vanished one", async () => {
    const path = target();
    const extra = ["x@kontor.example", "a1+x@kontor.example"];
    const all = addresses(50);
    const options = (hours: number): Partial<JobOptions> => ({ now: () => hours * hour, grace: hour * 5 });
    await publish(path, [listSource("one", [...all, ...extra]), listSource("two", ["x@kontor.example"])], options(1));
    await publish(path, [listSource("one", all), listSource("two", ["x@kontor.example"])], options(2));
    for (const address of ["x@kontor.example", "a1+x@kontor.example"]) {
      expect(ask(path, address, { now: 2 * hour, grace: hour * 5 })).toBe("found");
    }
    expect(ask(path, "x@elsewhere.example", { now: 2 * hour, match: "user-part" })).toBe("found");
  });

  it("keeps what a frozen source knew of the vanished", async () => {
    const path = target();
    const options = (hours: number): Partial<JobOptions> => ({ now: () => hours * hour, grace: hour * 5 });
    const plant = addresses(40, "p");
    const office = listSource("office", addresses(10));
    await publish(path, [office, listSource("plant", plant)], options(1));
    await publish(path, [office, listSource("plant", plant.slice(1))], options(2));
    await publish(path, [office, listSource("plant", plant, { fault: "down" })], options(3));
    expect(ask(path, "p0@kontor.example", { now: 3 * hour, grace: 5 * hour })).toContain("grace");
    expect(ask(path, "p1@kontor.example", { now: 3 * hour, grace: 5 * hour })).toBe("found");
  });
});

describe("an old list", () => {
  it("answers 450 for unknown recipients while a source was last read too long ago", async () => {
    const path = target();
    await publish(path, [listSource("list", addresses(5))], { now: () => hour });
    expect(ask(path, "new@kontor.example", { now: 3 * hour, staleAfter: 2 * hour })).toBe(gone);
    expect(ask(path, "new@kontor.example", { now: 3 * hour + 1, staleAfter: 2 * hour })).toBe(
      `not found (stale): ${later}`,
    );
    expect(ask(path, "new@kontor.example", { now: 9 * hour })).toBe(gone);
    // One of two sources cannot be read any more.
    const both = [listSource("list", addresses(5)), listSource("other", ["o@kontor.example"])];
    await publish(path, both, { now: () => 4 * hour });
    await publish(path, [both[0] as never, listSource("other", ["o@kontor.example"], { fault: "down" })], {
      now: () => 8 * hour,
    });
    expect(ask(path, "new@kontor.example", { now: 8 * hour, staleAfter: 2 * hour })).toContain("stale");
    expect(ask(path, "a1@kontor.example", { now: 8 * hour, staleAfter: 2 * hour })).toBe("found");
  });
});

describe("rules", () => {
  const ruled = (text: string, rule: string): FoundAddress => ({ ...found(text, "group"), rule });

  it("refuses by rule, and lets clients of our own through", async () => {
    const path = target();
    const list = [
      ruled("all@kontor.example", "internal"),
      ruled("paused@kontor.example", "later"),
      ruled("board@kontor.example", "senders:boss@kontor.example pr@partner.example"),
      ruled("new@kontor.example", "of-a-later-version"),
    ];
    await publish(path, [listSource("list", list)]);
    const now = hour;
    expect(ask(path, "all@kontor.example", { now })).toBe("found (internal only): 550 5.7.1 Delivery not authorized");
    expect(ask(path, "all@kontor.example", { now, variables: ["SMTPAUTHUSER"] })).toBe("found");
    expect(ask(path, "all@kontor.example", { now, variables: ["RELAYCLIENT"] })).toBe("found");
    expect(ask(path, "all@kontor.example", { now, variables: ["NOGOODMAILTO"] })).toMatch(/^bypassed/);
    expect(ask(path, "paused@kontor.example", { now, variables: ["RELAYCLIENT"] })).toBe(`found (later): ${later}`);
    expect(ask(path, "board@kontor.example", { now, from: "Boss@Kontor.Test" })).toBe("found");
    expect(ask(path, "board@kontor.example", { now, from: "pr@partner.example" })).toBe("found");
    for (const from of ["", "boss@elsewhere.example"]) {
      expect(ask(path, "board@kontor.example", { now, from })).toBe(
        "found (sender not accepted): 550 5.7.1 Delivery not authorized",
      );
    }
    // Who cannot read a rule fails open.
    expect(ask(path, "new@kontor.example", { now })).toBe("found");
  });

  it("holds senders as hashes in a keyed list", async () => {
    const path = target();
    const trust: Trust = { match: "address", secret, publicKeys: [] };
    await publish(path, [listSource("list", [ruled("board@kontor.example", "senders:boss@kontor.example")])], {
      protection: { form: createKeyedForm(secret, "address"), signer: undefined },
    });
    expect(ask(path, "board@kontor.example", { now: hour, from: "boss@kontor.example" }, trust)).toBe("found");
    expect(ask(path, "board@kontor.example", { now: hour, from: "b@kontor.example" }, trust)).toContain("5.7.1");
  });

  it("is open where one of several entries with the same key is", async () => {
    const path = target();
    const open = found("all@kontor.example", "alias");
    await publish(path, [listSource("list", [ruled("all@kontor.example", "internal"), open])]);
    expect(ask(path, "all@kontor.example", { now: hour })).toBe("found");
    await publish(path, [listSource("a", [ruled("all@kontor.example", "internal")]), listSource("b", [open])], {
      acceptShrink: true,
    });
    expect(ask(path, "all@kontor.example", { now: hour })).toBe("found");
  });
});
