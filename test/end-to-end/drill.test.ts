/** `goodmailto drill`: nothing of the site is asked or written, and its report says what held and what did not. */
import { globSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import type { Answer } from "../../src/drill/ask.ts";
import { judge, standingOf } from "../../src/drill/outcome.ts";
import type { Outcome } from "../../src/drill/outcome.ts";
import { pageOf } from "../../src/drill/page.ts";
import { rules } from "../../src/drill/paged.ts";
import { disagreement } from "../drill/same-rules.ts";
import { missing } from "../fakes/need.ts";
import { main } from "../program.ts";
import { node, project, Scene, until } from "./scene.ts";

const scene = new Scene();
afterAll(() => scene.close());

/** What the site's directory and next hop would be. */
async function watched(): Promise<{ readonly port: number; readonly server: Server; asked(): number }> {
  let asked = 0;
  const server = createServer((socket) => {
    asked += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port, asked: () => asked };
}

/** Processes that were started with a file in the folder. */
function withIn(folder: string): string[] {
  return globSync("/proc/[0-9]*/cmdline").flatMap((path) => {
    try {
      const words = readFileSync(path, "utf8");
      return words.includes(folder) ? [words] : [];
    } catch {
      return [];
    }
  });
}

interface Report {
  readonly held: boolean;
  readonly notes: readonly string[];
  readonly cases: readonly Outcome[];
}

function answered({ cases: all }: Report, name: string, who: Answer["who"]): string[] {
  const found = all.find((one) => one.name === name);
  return (found?.answers ?? []).flatMap((one) => (one.who === who ? [`${one.step} ${one.code}`] : []));
}

describe("drill", { timeout: 120_000 }, () => {
  it("tries a directory that is empty and a list from elsewhere, and asks and writes nothing of the site", async () => {
    const site = await watched();
    const config = scene.write(
      "site.toml",
      `[smtp]
listen = ["*:25"]
[domains]
relay = ["kontor.example"]
[snapshot]
path = "site.sqlite"
public_key_file = "not-there.pub"
[alert]
mail = ["ops@kontor.example"]
after_failures = 1
[checks]
run = ["spp", "dnsbl", "goodmailto"]
[trace]
keep = "30d"
[[source]]
name = "ldap"
type = "ldap"
preset = "openldap"
url = ["ldap://127.0.0.1:${site.port}"]
bind_dn = "cn=reader"
password_file = "not-there"
filter = "(memberOf=cn=mail)"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${site.port}"
`,
    );
    const before = readdirSync(scene.folder);
    const page = join(scene.folder, "drill.html");
    const only = "directory-empty,directory-certificate,list-foreign,list-old";
    const { code, stdout, stderr } = await scene
      .start("drill", "-c", config, "--only", only, "--json", "--html", page)
      .ended(60_000);
    expect(stderr).toContain("4/4 ");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(missing("promtool") ? "" : disagreement(report.cases, Date.now())).toBe("");
    expect(report.cases.map(({ name }) => name)).toEqual(only.split(","));
    for (const name of ["directory-empty", "list-foreign"]) {
      expect(answered(report, name, "known"), name).toEqual(["message 250", "message 250"]);
      expect(answered(report, name, "unknown"), name).toEqual(["RCPT 550"]);
      expect([...answered(report, name, "foreign"), ...answered(report, name, "route")]).toEqual([
        "RCPT 550",
        "RCPT 550",
      ]);
    }
    const [empty, certificate, foreign, old] = report.cases;
    expect(empty?.sync).toMatchObject({ code: 65, runs: 1 });
    expect(empty?.status?.code).toBe(1);
    expect(empty?.paged?.alert).toBe("sync-failing after 1 failures to ops@kontor.example");
    expect(empty?.paged?.rules.map(({ name }) => name)).toEqual(["GoodmailtoGuardHolds"]);
    expect(empty?.paged?.page.map(({ what }) => what.replace(/, since.*/, ""))).toEqual([
      "A guard refused the last list",
    ]);
    expect(certificate?.skipped).toContain("no source uses TLS");
    expect(old?.paged?.rules.map(({ name }) => name)).toEqual(["GoodmailtoListOld", "GoodmailtoSyncSilent"]);
    expect(foreign?.paged?.rules.map(({ name }) => name)).toEqual(["GoodmailtoListAlarm"]);
    expect(report.notes.join("\n")).toContain("do not run: spp, dnsbl");
    expect(readFileSync(page, "utf8")).toContain("Every promise held in 3 cases");
    expect(readdirSync(scene.folder).toSorted()).toEqual([...before, "drill.html"].toSorted());
    expect(site.asked()).toBe(0);
    site.server.close();
  });

  it("says what the configuration does not protect from, and ends with 1 for that if it shall be strict", async () => {
    const config = scene.write("plain.toml", `[domains]\nrelay = ["kontor.example"]\n`);
    const words = ["drill", "-c", config, "--only", "directory-down,list"];
    const more = ["--skip", "list-torn,list-torn-at-start,list-removed,list-old", "--strict"];
    const { code, stdout } = await scene.start(...words, ...more).ended(60_000);
    expect(stdout).toContain("[directory-down]: skipped: no [[source]]");
    expect(stdout).toMatch(
      /NOT PROTECTED +no known recipient refused for good: drill\.001@kontor\.example was refused/,
    );
    expect(stdout).toMatch(/^ {2}advice +Sign the list: /m);
    expect(stdout).toContain("\nNot protected by this configuration: list-foreign.\n");
    expect(code).toBe(1);
  });

  it("breaks the databases and lists of a site that has no directory", async () => {
    const sources = `[[source]]\nname = "db"\ntype = "sql"\nurl = ["sqlite:x.db"]\nquery = "SELECT mail AS address FROM x"
[[source]]\nname = "file"\ntype = "csv"\nurl = ["x.csv"]\n`;
    const config = scene.write(
      "files.toml",
      `[domains]\nrelay = ["kontor.example"]\n${sources}[alert]\nafter_failures = 1\n`,
    );
    const words = ["--only", "directory-cut,list-foreign", "--json"];
    const { code, stdout } = await scene.start("drill", "-c", config, ...words).ended(60_000);
    const report = JSON.parse(stdout) as Report;
    const [cut, foreign] = report.cases;
    expect(cut?.sync?.text).toContain("did not publish");
    expect(cut?.paged?.log.map(({ text }) => text).join()).toContain("database disk image is malformed");
    expect(answered(report, "directory-cut", "known")).toEqual(["message 250", "message 250"]);
    expect(foreign && standingOf(foreign)).toBe("unprotected");
    expect(report).toMatchObject({ held: true, unprotected: ["list-foreign"] });
    expect(report.notes.join()).toMatch(/SQLite databases are made up.*sources of type csv are lists/);
    expect(code).toBe(0);
  });

  it("leaves no process and no folder behind when it is stopped", async () => {
    const config = scene.write("stopped.toml", `[domains]\nrelay = ["kontor.example"]\n`);
    const tmp = mkdtempSync(join(scene.folder, "tmp-"));
    const drill = scene.run(node, [main, "drill", "-c", config, "--only", "hop-slow,hop-down"], { TMPDIR: tmp });
    await until(
      () => withIn(tmp).length,
      (count) => count > 0,
    );
    drill.child.kill("SIGTERM");
    expect((await drill.ended()).code).toBe(75);
    await until(
      () => withIn(tmp),
      (found) => found.length === 0,
    );
    expect(readdirSync(tmp)).toEqual([]);
  });

  it("names the cases where one is not known", async () => {
    const { code, stderr } = await scene.call("drill", "--only", "hop-up");
    expect(code).toBe(2);
    expect(stderr).toContain('there is no case "hop-up"; cases: nothing, directory-down');
  });
});

describe("judge", () => {
  const answer = (more: Partial<Answer>): Answer => ({
    ...{ who: "known", recipient: "a@kontor.example", step: "message", code: 250, text: "250 Ok", subject: "drill 1" },
    ...more,
  });
  const broken = (answers: Answer[], taken: string[] = [], hopRefuses = false): string[] =>
    judge(answers, taken, hopRefuses).flatMap(({ promise, held }) => (held ? [] : [promise]));

  it("sees an open relay, even one whose next hop refuses the message", () => {
    expect(broken([answer({ who: "route", code: 451 })])).toEqual(["open relay"]);
    expect(broken([answer({ who: "foreign", step: "RCPT", code: 550 })])).toEqual([]);
  });

  it("sees a message that was accepted and that the next hop does not have", () => {
    expect(broken([answer({})])).toEqual(["nothing lost"]);
    expect(broken([answer({})], ["drill 1"])).toEqual([]);
  });

  it("sees a known recipient refused for good, unless the next hop does so", () => {
    const refused = answer({ code: 552 });
    expect(broken([refused])).toEqual(["no known recipient refused"]);
    expect(broken([refused], [], true)).toEqual([]);
    expect(broken([answer({ step: "RCPT", code: 450 }), answer({ who: "unknown", step: "RCPT", code: 550 })])).toEqual(
      [],
    );
  });
});

describe("report", () => {
  it("has no markup of a stranger, no script, and nothing from elsewhere", () => {
    const text = '550 <script>alert(1)</script>" onload="x';
    const promises = judge([], [], false);
    const answers = [{ who: "known", recipient: "<b>", step: "RCPT", code: 550, text, subject: "" }] as const;
    const page = pageOf([{ name: "<i>", title: "<u>", group: "hop", answers, promises, time: 1 }], ["<s>"]);
    expect(page).toContain("&lt;script&gt;alert(1)");
    expect(page).not.toMatch(/<(?:script|b|i|u|s|link|img|iframe)[\s>]|(?:src|href)=|url\(|@import/);
  });

  it("knows the rules of config/monitoring by name, severity and time", () => {
    const file = readFileSync(join(project, "config/monitoring/goodmailto.rules.yml"), "utf8");
    for (const { name, severity, after } of rules) {
      const [, block = ""] = new RegExp(`alert: ${name}\\n([^]*?)annotations:`).exec(file) ?? [];
      expect(block, name).toContain(`for: ${after}\n`);
      expect(block, name).toContain(`severity: ${severity}\n`);
    }
  });
});
