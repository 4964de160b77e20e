/** Every check that asks DNS, under whatever may become of DNS. */
import { performance } from "node:perf_hooks";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { nodialup } from "../../../src/checks/client/nodialup.ts";
import { require_resolvable_client } from "../../../src/checks/client/require_resolvable_client.ts";
import { dnsbl } from "../../../src/checks/lists/dnsbl.ts";
import { dnswl } from "../../../src/checks/lists/dnswl.ts";
import { rblspp } from "../../../src/checks/lists/rblspp.ts";
import { rhsbl } from "../../../src/checks/lists/rhsbl.ts";
import { dns_user } from "../../../src/checks/recipient/dns_user.ts";
import type { CheckDefinition } from "../../../src/hooks/check.ts";
import type { RecordType } from "../../fakes/dns-message.ts";
import { onlyUnless } from "../../hooks/only-unless.ts";
import { EarlyScene } from "./early-scene.ts";

/** One check, or some together, and the records with which a client is refused. */
interface Row {
  readonly title: string;
  readonly checks: readonly (readonly [check: CheckDefinition, values: Readonly<Record<string, unknown>>])[];
  /** The name that decides, and what it holds; none: it must not exist. */
  readonly name: (from: From) => string;
  readonly records: readonly (readonly [type: RecordType, data: string])[];
  readonly told: RegExp;
  /** An A record that no list gives. */
  readonly forged?: true;
  /** Whether the null sender is asked about. */
  readonly isForNull: boolean;
}

/** A client of either family. */
interface From {
  readonly ip: string;
  readonly reversed: string;
  readonly arpa: string;
}
const v4: From = { ip: "192.0.2.7", reversed: "7.2.0.192", arpa: "in-addr.arpa" };
const six = `7.${"0.".repeat(23)}8.b.d.0.1.0.0.2`;
const v6: From = { ip: "2001:db8::7", reversed: six, arpa: "ip6.arpa" };

const off = { file: "", allow: "", rejectmsg: "", test_points: false };
const spam = [
  ["A", "127.0.0.2"],
  ["TXT", "Spam source"],
] as const;
const inList = ({ reversed }: From): string => `${reversed}.bl.example`;

const rows: readonly Row[] = [
  {
    title: "dnsbl",
    checks: [[dnsbl, { ...off, zones: ["bl.example"] }]],
    name: inList,
    records: spam,
    told: /^E550 5\.7\.1 Spam source$/,
    forged: true,
    isForNull: true,
  },
  {
    title: "dnsbl by A record",
    checks: [[dnsbl, { ...off, zones: ["bl.example:go away"] }]],
    name: inList,
    records: spam,
    told: /^E550 5\.7\.1 go away$/,
    forged: true,
    isForNull: true,
  },
  {
    title: "rblspp",
    checks: [[rblspp, { sources: ["r:bl.example"], test_points: false }]],
    name: inList,
    records: spam,
    told: /^E451 4\.7\.1 Spam source$/,
    forged: true,
    isForNull: true,
  },
  {
    title: "rhsbl",
    checks: [[rhsbl, { file: "", zones: ["dbl.example is spam"] }]],
    name: () => "far.test.dbl.example",
    records: [["A", "127.0.0.4"]],
    told: /^E550 5\.7\.1 Mail from far\.test rejected because it is spam$/,
    forged: true,
    isForNull: false,
  },
  {
    title: "dns_user",
    checks: [[dns_user, { zone: "users.example" }]],
    name: () => "vera.ours.example.users.example",
    records: [],
    told: /^E550 5\.1\.1 /,
    isForNull: true,
  },
  {
    title: "require_resolvable_client",
    checks: [[require_resolvable_client, { exempt: "" }]],
    name: ({ reversed, arpa }) => `${reversed}.${arpa}`,
    records: [],
    told: /^E450 4\.7\.25 /,
    isForNull: true,
  },
  {
    title: "nodialup",
    checks: [[nodialup, { patterns: "" }]],
    name: ({ reversed, arpa }) => `${reversed}.${arpa}`,
    records: [["PTR", "p7.dip.dialin.example"]],
    told: /^E550 5\.7\.1 Sorry, p7\.dip\.dialin\.example /,
    isForNull: true,
  },
];

describe.each(rows)("$title", ({ checks, name, records, told, forged, isForNull }) => {
  let scene: EarlyScene;
  const to = "vera@ours.example";
  const ask = (from = v4, sender = "a@far.test"): Promise<string> => scene.ask(to, sender, {}, from.ip);
  const hold = (from: From): void => records.forEach(([type, data]) => scene.dns.add(name(from), type, data));
  const complaints = (): number => scene.lists.log.lines.filter((line) => line.startsWith("dns: ")).length;

  beforeEach(async () => {
    scene = await EarlyScene.open();
    scene.start(...checks);
  });
  afterEach(() => scene.close());

  it("refuses by what DNS says, of IPv4 and IPv6, and of the null sender if it asks about it", async () => {
    hold(v4);
    hold(v6);
    expect(await ask(v4)).toMatch(told);
    expect(await ask(v6)).toMatch(told);
    expect(await ask(v4, "")).toMatch(isForNull ? told : /^$/);
  });

  it("passes while DNS is silent, within the deadline, and says so once", async () => {
    hold(v4);
    scene.dns.behave("*", { drop: true });
    const began = performance.now();
    expect(await ask()).toBe("");
    expect(performance.now() - began).toBeLessThan(3000);
    expect(await ask()).toBe("");
    expect(complaints()).toBe(1);
  });

  it.each(["SERVFAIL", "REFUSED", "FORMERR"] as const)("passes where the answer is %s", async (rcode) => {
    hold(v4);
    scene.dns.behave("*", { rcode });
    expect(await ask()).toBe("");
    scene.dns.behave("*", {});
    scene.lists.later(600_000);
    expect(await ask()).toMatch(told);
  });

  it("believes no answer to another question, and asks by TCP where one is cut", async () => {
    hold(v4);
    scene.dns.behave("*", { lies: true });
    expect(await ask()).toMatch(told);
    scene.start(...checks);
    scene.dns.behave("*", { truncate: true });
    expect(await ask()).toMatch(told);
  });

  onlyUnless(forged !== true)("passes where the addresses are none of a list, as those of a sold zone", async () => {
    scene.dns.add(name(v4), "A", "203.0.113.99");
    scene.dns.add(name(v4), "TXT", "This domain is for sale");
    expect(await ask()).toBe("");
    scene.dns.remove(name(v4));
    scene.dns.add(name(v4), "A", "127.255.255.254");
    scene.dns.add(name(v4), "TXT", "Query refused");
    scene.start(...checks);
    expect(await ask()).toBe("");
  });

  it("answers 200 sessions at once alike, with one question for all of them", async () => {
    hold(v4);
    const all = await Promise.all(Array.from({ length: 200 }, () => ask()));
    expect(all.every((one) => told.test(one))).toBe(true);
    const names = scene.dns.asked.map(({ name: asked, type }) => `${type} ${asked}`);
    expect(names).toHaveLength(new Set(names).size);
  });

  it("asks nothing for a relay client", async () => {
    hold(v4);
    expect(await scene.ask(to, "a@far.test", { RELAYCLIENT: "", RBLSPP: "" }, v4.ip)).toBe("");
  });
});

describe("dnswl", () => {
  let scene: EarlyScene;
  beforeEach(async () => {
    scene = await EarlyScene.open();
    scene.dns.add("7.2.0.192.bl.example", "A", "127.0.0.2");
    scene.dns.add("7.2.0.192.bl.example", "TXT", "Spam source");
    scene.dns.add("7.2.0.192.wl.example", "A", "127.0.9.1");
    scene.start([dnsbl, { ...off, zones: ["bl.example"] }], [dnswl, { file: "", zones: ["wl.example"] }]);
  });
  afterEach(() => scene.close());

  it.each([
    ["silent", { drop: true }, /Spam/],
    ["SERVFAIL", { rcode: "SERVFAIL" }, /Spam/],
    ["REFUSED", { rcode: "REFUSED" }, /Spam/],
    ["truncated", { truncate: true }, /^$/],
    ["preceded by lies", { lies: true }, /^$/],
  ] as const)("whitelists by an answer that is %s as it should", async (_, behaviour, told) => {
    scene.dns.behave("7.2.0.192.wl.example", behaviour);
    expect(await scene.ask()).toMatch(told);
  });

  it("whitelists nobody by an address that is none of a list", async () => {
    scene.dns.remove("7.2.0.192.wl.example");
    scene.dns.add("7.2.0.192.wl.example", "A", "203.0.113.99");
    expect(await scene.ask()).toMatch(/Spam/);
  });
});
