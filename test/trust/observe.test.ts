/** Observe mode end to end: a relay, a next hop that disagrees, the report, and the hint from a real directory. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { reportObserved } from "../../src/observe/report.ts";
import type { ObserveReport } from "../../src/observe/report.ts";
import { observeFile } from "../../src/observe/observing.ts";
import { silentLog } from "../../src/report/log.ts";
import { mergeObserved, Observations, readObserved } from "../../src/observe/observations.ts";
import type { Observed } from "../../src/observe/observations.ts";
import { locatingFilter } from "../../sync/look/locate.ts";
import { escapeFilterValue, parseFilter } from "../../sync/sources/filter.ts";
import { configOf, Scene } from "../end-to-end/scene.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { memoryLog, temporaryFolder } from "../snapshot/fixture.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

const day = 86_400_000;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

describe("observe mode", () => {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) {
      await close();
    }
  });

  async function scene(): Promise<{ readonly hop: NextHop; readonly relay: TestRelay }> {
    const hop = await startNextHop({
      recipients: {
        "retired@kontor.example": "550 5.1.1 Gone",
        "nobody@kontor.example": "550 5.1.1 No such user",
        "slow@kontor.example": "451 4.3.0 Later",
      },
    });
    closers.push(() => hop.close());
    const config =
      `[recipients]\nmode = "observe"\nobserve_file = "observed.json"\n` +
      `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;
    const relay = await startTestRelay({
      config,
      snapshot: ["known@kontor.example", "retired@kontor.example"],
    });
    closers.push(() => relay.stop());
    return { hop, relay };
  }

  async function send(relay: TestRelay, recipients: readonly string[]): Promise<string[]> {
    const client = await SmtpClient.open(relay.port);
    client.write("EHLO c.example\r\nMAIL FROM:<a@elsewhere.example>\r\n");
    const replies: string[] = [];
    const until = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const line = (await client.line()) ?? "";
        if (pattern.test(line)) {
          return line;
        }
      }
    };
    await until(/^220 /);
    await until(/^250 SIZE|^250 ENH|^250 [A-Z]/);
    await until(/^250 2\.1\.0/);
    for (const recipient of recipients) {
      client.write(`RCPT TO:<${recipient}>\r\n`);
      replies.push((await client.line()) ?? "");
    }
    client.write("QUIT\r\n");
    await until(/^221/);
    return replies;
  }

  it("answers what the next hop answers, logs both answers, and counts them for each address", async () => {
    const { relay } = await scene();
    const replies = await send(relay, [
      "known@kontor.example",
      "Forgotten@KONTOR.test",
      "forgotten@kontor.example",
      "retired@kontor.example",
      "nobody@kontor.example",
      "slow@kontor.example",
    ]);
    expect(replies.map((line) => line.slice(0, 3))).toEqual(["250", "250", "250", "550", "550", "451"]);
    expect(relay.log.join("\n")).toMatch(/forgotten@kontor\.example.*status: not found \(observe\), next hop said 250/);
    expect(relay.log.join("\n")).toMatch(/known@kontor\.example\) status: found$/m);
    expect(relay.log.join("\n")).toMatch(/nobody@kontor\.example.*status: not found \(observe\), next hop said 550/);
    const file = join(relay.folder, "observed.json");
    // A reload without observe mode writes what was seen.
    relay.reload("");
    const observed = readObserved(file);
    expect(observed?.totals).toMatchObject({
      known: { accepted: 1, refused: 1, unclear: 0 },
      unknown: { accepted: 2, refused: 1, unclear: 1 },
    });
    const theirs = Object.fromEntries((observed?.addresses ?? []).map((seen) => [seen.address, seen]));
    expect(theirs["forgotten@kontor.example"]).toMatchObject({ ours: "unknown", theirs: { accepted: 2, refused: 0 } });
    expect(theirs["retired@kontor.example"]).toMatchObject({ ours: "known", theirs: { accepted: 0, refused: 1 } });
    expect(theirs["known@kontor.example"]).toBeUndefined();
  });

  it("takes no note in enforce mode, nor without a snapshot", async () => {
    const hop = await startNextHop();
    closers.push(() => hop.close());
    const route = `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`;
    const enforcing = await startTestRelay({
      config: `[recipients]\nobserve_file = "observed.json"\n${route}`,
      snapshot: ["known@kontor.example"],
    });
    closers.push(() => enforcing.stop());
    expect(
      (await send(enforcing, ["known@kontor.example", "x@kontor.example"])).map((line) => line.slice(0, 3)),
    ).toEqual(["250", "550"]);
    const blind = await startTestRelay({
      config: `[recipients]\nmode = "observe"\nobserve_file = "observed.json"\n${route}`,
    });
    closers.push(() => blind.stop());
    await send(blind, ["x@kontor.example"]);
    for (const relay of [enforcing, blind]) {
      relay.reload(route);
      expect(readObserved(join(relay.folder, "observed.json"))).toBeUndefined();
    }
  });

  it("keeps its counts over a restart, and those of workers are summed", () => {
    const folder = temporaryFolder();
    const path = join(folder, "observed.json");
    expect([undefined, "1"].map((worker) => observeFile("/o.json", worker))).toEqual(["/o.json", "/o.json.1"]);
    for (const worker of ["", ".0", ".1"]) {
      for (let time = 0; time < 2; time += 1) {
        const observations = new Observations(path + worker, silentLog, { now: () => 1000 + time });
        observations.note("a@kontor.example", "unknown", 250);
        observations.close();
      }
    }
    const parts = ["", ".0", ".1"].flatMap((worker) => readObserved(path + worker) ?? []);
    expect(mergeObserved(parts)).toMatchObject({
      since: 1000,
      until: 1001,
      totals: { unknown: { accepted: 6 } },
      addresses: [{ address: "a@kontor.example", theirs: { accepted: 6 }, first: 1000, last: 1001 }],
    });
  });

  it("stays bounded under a flood of addresses, and gives up agreements first", () => {
    const path = join(temporaryFolder(), "observed.json");
    const observations = new Observations(path, silentLog, { maxAddresses: 100 });
    observations.note("gap@kontor.example", "unknown", 250);
    for (let index = 0; index < 5000; index += 1) {
      observations.note(`guess${index}@kontor.example`, "unknown", 550);
    }
    observations.close();
    const observed = readObserved(path);
    expect(observed?.addresses.length).toBeLessThanOrEqual(100);
    expect(observed?.addresses.some(({ address }) => address === "gap@kontor.example")).toBe(true);
    expect(observed).toMatchObject({ totals: { unknown: { accepted: 1, refused: 5000 } } });
    expect((observed?.dropped ?? 0) + (observed?.addresses.length ?? 0)).toBe(5001);
  });

  it("goes on where it cannot write, and says so once", () => {
    const log = memoryLog();
    const observations = new Observations(join(temporaryFolder(), "no", "folder", "observed.json"), log);
    for (let time = 0; time < 3; time += 1) {
      observations.note("a@kontor.example", "unknown", 250);
      observations.flush();
    }
    observations.close();
    expect(log.lines.map(({ event }) => event)).toEqual(["cannot write"]);
  });
});

describe("observe mode in worker processes", { timeout: 120_000 }, () => {
  it("leaves all counts on disk at SIGTERM, a file for each worker", async () => {
    const scene = new Scene();
    const hop = await startNextHop();
    try {
      const observing = '[recipients]\nmode = "observe"\nobserve_file = "observed.json"\n';
      const port = await freePort();
      const plan = { hop: hop.port, port, smtp: "workers = 2", more: observing };
      const config = scene.write("goodmailto.toml", configOf(plan));
      await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["known@kontor.example"]);
      const program = scene.start("serve", "--config", config);
      await program.until(/workers ready/, 60_000);
      for (let session = 0; session < 12; session += 1) {
        const client = await SmtpClient.open(port);
        client.write(
          `HELO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<u${session}@kontor.example>\r\nRCPT TO:<known@kontor.example>\r\nQUIT\r\n`,
        );
        for (let line = await client.line(60_000); line !== undefined && !line.startsWith("221");) {
          line = await client.line(60_000);
        }
      }
      expect(await program.stop()).toMatchObject({ code: 0 });
      const parts = ["", ".0", ".1"].map((worker) => readObserved(join(scene.folder, `observed.json${worker}`)));
      expect(parts[0]).toBeUndefined();
      expect(mergeObserved(parts.filter((part) => part !== undefined))).toMatchObject({
        totals: { known: { accepted: 12 }, unknown: { accepted: 12 } },
      });
      const report = await scene.call("observe", "report", "--config", config);
      expect(report).toMatchObject({ code: 75, stdout: expect.stringContaining("cannot tell: ") as string });
    } finally {
      await scene.close();
      await hop.close();
    }
  });
});

function observed(more: Partial<Observed> = {}): Observed {
  return {
    since: 0,
    until: 10 * day,
    totals: {
      known: { accepted: 1000, refused: 0, unclear: 0 },
      unknown: { accepted: 0, refused: 50, unclear: 0 },
    },
    dropped: 0,
    addresses: [],
    ...more,
  };
}

describe("the report", () => {
  const enough = { recipients: 200, time: 3 * day };
  const gap = {
    address: "a@kontor.example",
    ours: "unknown",
    theirs: { accepted: 3, refused: 0, unclear: 0 },
    first: 0,
    last: 1,
  } as const;
  const verdict = (seen: Observed, known = false): ObserveReport["verdict"] =>
    reportObserved(seen, enough, () => known).verdict;

  it("says safe, not safe, not enough or cannot tell", () => {
    expect(verdict(observed())).toBe("safe");
    expect(verdict(observed({ addresses: [gap] }))).toBe("not-safe");
    expect(verdict(observed({ addresses: [gap] }), true), "the list has it by now").toBe("safe");
    expect(verdict(observed({ until: day }))).toBe("not-enough");
    const none = { accepted: 0, refused: 0, unclear: 0 };
    expect(verdict(observed({ totals: { known: { ...none, accepted: 100 }, unknown: none } }))).toBe("not-enough");
    const totals = { known: { ...none, accepted: 1000 }, unknown: { ...none, accepted: 40 } };
    expect(verdict(observed({ totals, addresses: [gap] })), "a next hop that takes anybody").toBe("cannot-tell");
  });

  it("is not safe where the hop takes what enforcing refuses for any reason, and names each kind", () => {
    const totals = {
      known: { accepted: 900, refused: 0, unclear: 0 },
      unknown: { accepted: 0, refused: 50, unclear: 0 },
      internal: { accepted: 3, refused: 0, unclear: 0 },
    };
    for (const [ours, word] of [
      ["internal", "internal only"],
      ["sender", "sender not accepted"],
      ["suspended", "suspended"],
      ["vanished", "vanished"],
    ] as const) {
      const theirs = { accepted: 3, refused: 0, unclear: 0 };
      const addresses = [{ address: "board@kontor.example", ours, theirs, first: 0, last: 0 }];
      const observed = { since: 0, until: 7 * day, totals, dropped: 0, addresses };
      const enough = { recipients: 200, time: 3 * day };
      // The list has it: that it is restricted is why it would be refused.
      const { verdict, why } = reportObserved(observed, enough, () => false);
      expect([verdict, why]).toEqual(["not-safe", expect.stringContaining(`accepts them: 1 ${word}`)]);
      expect(reportObserved(observed, enough, () => true).verdict).toBe("safe");
    }
  });

  it("puts the most frequent disagreement first, of both directions", () => {
    const addresses = [
      gap,
      { ...gap, address: "b@kontor.example", theirs: { accepted: 9, refused: 1, unclear: 0 } },
      { ...gap, address: "c@kontor.example", ours: "known" as const, theirs: { accepted: 0, refused: 5, unclear: 0 } },
      { ...gap, address: "d@kontor.example", theirs: { accepted: 0, refused: 99, unclear: 1 } },
    ];
    const { disagreements } = reportObserved(observed({ addresses }), enough, () => false);
    expect(disagreements.map(({ address, theirs, count }) => `${address} ${theirs} ${count}`)).toEqual([
      "b@kontor.example accepted 9",
      "c@kontor.example refused 5",
      "a@kontor.example accepted 3",
    ]);
  });
});

describe("a value in a search filter", () => {
  it("stays one value, whatever it holds", () => {
    const property = fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const filter = parseFilter(`(mail=${escapeFilterValue(text)})`);
      expect(filter).toEqual({ kind: "equal", attribute: "mail", value: Buffer.from(text) });
      parseFilter(locatingFilter(text));
    });
    fc.assert(property, { numRuns: 60 });
  });
});

describe.skipIf(missing("slapd"))("goodmailto observe report", { timeout: 90_000 }, () => {
  let slapd: Slapd;
  let folder: string;
  let config: string;

  beforeAll(async () => {
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: [
        "dn: o=Kontor\nobjectClass: organization\no: Kontor\n",
        "dn: uid=anna,o=Kontor\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: A\nmail: anna@kontor.example\n" +
          "labeledURI: a.huber@kontor.example\n",
        "dn: cn=scanner,o=Kontor\nobjectClass: device\nobjectClass: extensibleObject\ncn: scanner\nmail: scanner@kontor.example\n",
        "dn: uid=bert,o=Kontor\nobjectClass: inetOrgPerson\nuid: x1\ncn: B\nsn: B\nmail: b@kontor.example\n" +
          `labeledURI: bert@kontor.test\nlabeledURI:: ${Buffer.from("carl@müller.example").toString("base64")}\n` +
          "description: B\n",
      ].join("\n"),
    });
    folder = mkdtempSync(join(tmpdir(), "gmto-observe-"));
    config = join(folder, "goodmailto.toml");
    writeFileSync(
      config,
      `[domains]\nrelay = ["kontor.example", "müller.example"]\naliases = { "kontor.test" = "kontor.example" }
[snapshot]\npath = "snapshot.sqlite"
[recipients]\nmode = "observe"\nobserve_file = "observed.json"
[[source]]\nname = "ldap"\ntype = "ldap"\nurl = ["${slapd.ldap}"]\nbase = "o=Kontor"
filter = "(objectClass=inetOrgPerson)"\nattributes = ["mail"]\n`,
    );
    await publishSnapshot(join(folder, "snapshot.sqlite"), ["anna@kontor.example"]);
  });
  afterAll(async () => {
    await slapd?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("exits 69 while nothing was observed", async () => {
    const ended = await run("observe", "report", "-c", config);
    expect(ended).toMatchObject({ code: 69, stderr: expect.stringContaining("holds no observations") as string });
  });

  it("finds an address under an alias domain, and under a domain that the directory writes in U-labels", async () => {
    const observations = new Observations(join(folder, "other.json"), silentLog, { now: () => 4 * day });
    observations.note("bert@kontor.example", "unknown", 250);
    observations.note("carl@xn--mller-kva.example", "unknown", 250);
    observations.close();
    const { stdout } = await run("observe", "report", "--hint", "-c", config, "--file", join(folder, "other.json"));
    const found = 'attribute "labeledURI" of "uid=bert,o=Kontor" (source "ldap") holds it: add "labeledURI"';
    expect(stdout.split(found)).toHaveLength(3);
    expect(stdout).not.toContain("no directory holds it");
  });

  it("prints the disagreements with the attribute that holds the address, and what follows", async () => {
    const observations = new Observations(join(folder, "observed.json.0"), silentLog, { now: () => 4 * day });
    const notes = { "a.huber": 5, scanner: 3, ghost: 2 };
    for (const [user, times] of Object.entries(notes)) {
      for (let time = 0; time < times; time += 1) {
        observations.note(`${user}@kontor.example`, "unknown", 250);
      }
    }
    observations.note("guess@kontor.example", "unknown", 550);
    observations.note("anna@kontor.example", "unknown", 250);
    observations.close();
    const { code, stdout } = await run("observe", "report", "--hint", "-c", config);
    expect(stdout).toMatch(
      / 5 {2}a\.huber@kontor\.example {2}unknown {14}accepted\n +attribute "labeledURI" of "uid=anna,o=Kontor" \(source "ldap"\) holds it: add "labeledURI"/,
    );
    expect(stdout).toMatch(
      / 3 {2}scanner@.*\n +attribute "mail" of "cn=scanner,o=Kontor".*leaves the entry out \(objectClass device/,
    );
    expect(stdout).toMatch(/ 2 {2}ghost@.*\n +no directory holds it/);
    expect(stdout).toMatch(/ 1 {2}anna@.*now in the list/);
    expect(stdout).toMatch(/not safe to enforce: 3 addresses \(10 recipients\) would have been refused/);
    expect(code).toBe(1);
    const json = await run("observe", "report", "--json", "-c", config);
    expect(JSON.parse(json.stdout)).toMatchObject({
      verdict: "not-safe",
      disagreements: [{ count: 5 }, { count: 3 }, {}, {}],
    });
  });
});
