/** The metrics of a real relay with two workers, and of real syncs: what is listed is served, and nothing else. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { metricList } from "../../src/report/metric-names.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { freePort } from "../fakes/free-port.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { configOf, Scene, until } from "./scene.ts";

/** Samples of a page by family, without the suffixes of histograms. */
function familiesOf(page: string): Set<string> {
  const names = page.split("\n").flatMap((line) => /^([a-z_]+)[{ ]/.exec(line)?.[1] ?? []);
  return new Set(names.map((name) => name.replace(/_seconds_(?:bucket|sum|count)$/, "_seconds")));
}

function promtool(page: string): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: page, encoding: "utf8" });
  return { status, said: stdout + stderr };
}

describe("the metrics of a relay with two workers", () => {
  const scene = new Scene();
  const textfile = join(scene.folder, "node-exporter", "goodmailto.prom");
  let hop: NextHop;
  let config = "";
  let [smtp, web] = [0, 0];

  const list = (...users: string[]): void =>
    writeFileSync(join(scene.folder, "list"), users.map((user) => `${user}@kontor.example\n`).join(""));
  const scrape = async (accept = "text/plain"): Promise<{ readonly type: string; readonly page: string }> => {
    const answer = await fetch(`http://127.0.0.1:${web}/metrics`, { headers: { accept } });
    return { type: answer.headers.get("content-type") ?? "", page: await answer.text() };
  };
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `user${i}`);

  beforeAll(async () => {
    hop = await startNextHop();
    [smtp, web] = [await freePort(), await freePort()];
    for (const name of ["state", "node-exporter"]) {
      mkdirSync(join(scene.folder, name));
    }
    const { certificate, key } = await (await createAuthority(scene.folder)).issue("mx", "DNS:mx.kontor.example");
    const more = `
[checks]
run = ["greylisting", "goodmailto"]
[checks.greylisting]
mode = "observe"
[state]
folder = "${join(scene.folder, "state")}"
[tls]
cert = "${certificate}"
key = "${key}"
[metrics]
listen = "127.0.0.1:${web}"
textfile = "${textfile}"
[[source]]
name = "staff"
type = "list"
url = ["list"]
`;
    config = scene.write("goodmailto.toml", configOf({ hop: hop.port, port: smtp, smtp: "workers = 2", more }));
    list(...many(30));
    expect((await scene.call("sync", "--config", config)).code).toBe(0);
    await scene.start("serve", "--config", config).until(/workers ready/);
    const client = await SmtpClient.open(smtp);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@sender.example>");
    expect(await client.command("RCPT TO:<user1@kontor.example>")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<nobody@kontor.example>")).toMatch(/^550/);
    await client.command("DATA");
    expect(await client.command("Subject: hello\r\n\r\nhello\r\n.")).toMatch(/^250/);
    await client.command("QUIT");
    client.close();
  });
  afterAll(async () => {
    await scene.close();
    await hop.close();
  });

  it("are those of the registry: everything listed is served, and everything served is listed", async () => {
    const { page } = await until(scrape, (found) => found.page.includes("goodmailto_session_seconds_count 1"));
    // This relay pulls nothing: test/end-to-end/fleet.test.ts.
    const listed = metricList.map(({ name }) => name).filter((name) => name !== "goodmailto_pull_failures");
    expect([...familiesOf(page)].toSorted()).toEqual(listed.toSorted());
    const labels = new Map(metricList.map((metric) => [metric.name, metric.labels]));
    for (const line of page.split("\n").filter((text) => text.startsWith("goodmailto"))) {
      const [, name = "", set = ""] = /^([a-z_]+)(?:\{(.*)\})? /.exec(line) ?? [];
      const keys = [...set.matchAll(/([a-z]+)="/g)].map(([, key]) => key).filter((key) => key !== "le");
      const family = labels.get(name) ?? labels.get(name.replace(/_(?:bucket|sum|count)$/, ""));
      expect([line, keys.toSorted()]).toEqual([line, family?.toSorted()]);
    }
  });

  it("count what happened in whichever worker, and know the list", async () => {
    const { page } = await scrape();
    const lines = page.split("\n");
    for (const line of [
      'goodmailto_messages_total{code="250"} 1',
      "goodmailto_rcpt_seconds_count 2",
      "goodmailto_message_seconds_count 1",
      'goodmailto_hop_seconds_count{command="RCPT"} 1',
      'goodmailto_hop_seconds_count{command="final dot"} 1',
      "goodmailto_workers 2",
      "goodmailto_snapshot_available 1",
      'goodmailto_snapshot_rows{source="staff",kind="account"} 30',
      'goodmailto_snapshot_rows{source="staff",kind="alias"} 0',
      'goodmailto_source_entries{source="staff"} 30',
      `goodmailto_hop_down{hop="127.0.0.1:${hop.port}"} 0`,
      'goodmailto_sync_refused{guard="list"} 0',
    ]) {
      expect(lines).toContain(line);
    }
    expect(page).toMatch(/^goodmailto_build_info\{version="\d+\.\d+\.\d+",node="24\.[\d.]+"\} 1$/m);
    const end = Number(/^goodmailto_certificate_expiry_timestamp_seconds (\S+)$/m.exec(page)?.[1]);
    expect(end - Date.now() / 1000).toBeGreaterThan(86_400);
  });

  it.skipIf(missing("promtool"))("are clean for promtool, as is the textfile", async () => {
    const { type, page } = await scrape();
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(promtool(page)).toEqual({ status: 0, said: "" });
    expect(promtool(readFileSync(textfile, "utf8"))).toEqual({ status: 0, said: "" });
    expect(promtool(page.replace("# HELP goodmailto_workers", "# HELPLESS")).status).not.toBe(0);
  });

  it("are OpenMetrics for Prometheus, with the same series", async () => {
    const text = await scrape();
    const open = await scrape("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    expect(open.type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(open.page.endsWith("\n# EOF\n")).toBe(true);
    const seriesOf = (page: string): string[] =>
      page.split("\n").flatMap((line) => (line.startsWith("#") ? [] : line.slice(0, line.lastIndexOf(" "))));
    expect(seriesOf(open.page)).toEqual(seriesOf(text.page));
  });

  it("tell of a guard that refused the last list, in the relay's page and in the textfile, which everybody may read", async () => {
    list(...many(3));
    expect((await scene.call("sync", "--config", config)).code).toBe(65);
    const file = readFileSync(textfile, "utf8");
    expect(file).toContain('\ngoodmailto_sync_refused{guard="list"} 1\n');
    expect(file).toContain('\ngoodmailto_sync_refused{guard="traffic"} 0\n');
    expect(file).toContain("\ngoodmailto_sync_failures 1\n");
    expect(familiesOf(file)).toEqual(
      new Set(metricList.flatMap(({ name }) => (name.startsWith("goodmailto_sync_") ? [name] : []))),
    );
    expect(statSync(textfile).mode & 0o777).toBe(0o644);
    expect(readdirSync(join(scene.folder, "node-exporter"))).toEqual(["goodmailto.prom"]);
    expect((await scrape()).page).toContain('\ngoodmailto_sync_refused{guard="list"} 1\n');
  });

  it("do not fail a sync that cannot write its textfile", async () => {
    const bad = readFileSync(config, "utf8").replace(textfile, join(scene.folder, "nowhere", "goodmailto.prom"));
    list(...many(30));
    const { code, stderr } = await scene.call("sync", "--config", scene.write("bad.toml", bad));
    expect(code).toBe(0);
    expect(stderr).toMatch(/metrics: cannot write the textfile path=\S+nowhere\S+ why=/);
  });
});
