/** `goodmailto top`, in a real terminal and without one, beside a relay that is asked. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { screen } from "../../src/compose/top-screen.ts";
import type { Look } from "../../src/compose/top-screen.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { missing } from "../fakes/need.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { inTerminal } from "../fakes/terminal.ts";
import { answerTo, configOf, Scene } from "../end-to-end/scene.ts";
import { main } from "../program.ts";

/** What is to be seen of a terminal: without what moves and colours. */
const plain = (text: string): string => text.replaceAll(/\u001B\[[?\d;]*[A-Za-z]/g, "");

describe("goodmailto top", () => {
  let scene: Scene;
  let hop: NextHop;
  let config = "";
  let port = 0;
  const top = (...words: string[]): string[] => [process.execPath, main, "top", "-c", config, ...words];
  beforeAll(async () => {
    scene = new Scene();
    hop = await startNextHop();
    mkdirSync(join(scene.folder, "run"), { mode: 0o700 });
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna@kontor.example"]);
    const smtp = `status_folder = "${scene.folder}/run"`;
    const more = `[trace]\nkeep = "1d"\nfolder = "${scene.folder}/trace"\n`;
    config = scene.write("goodmailto.toml", configOf({ hop: hop.port, smtp, more }));
    ({ port } = await scene.serve(config));
    await answerTo(port, "anna@kontor.example");
    await answerTo(port, "nobody@kontor.example");
  });
  afterAll(async () => {
    await scene.close();
    await hop.close();
  });

  it.skipIf(missing("python3"))("draws again and again, pauses, sorts, and gives the terminal back", async () => {
    const steps = [
      [/recipients refused +- +1/, ""],
      [/recipients refused +0 +1/, " "],
      ["paused; space continues", " s"],
      [/recipients refused +0 +1/, "q"],
    ] as const;
    const { code, said, missed } = await inTerminal(top("--every", "0.2"), steps);
    expect({ code, missed }).toEqual({ code: 0, missed: [] });
    expect(said).toMatch(/^\u001B\[\?1049h/);
    expect(said.trimEnd()).toMatch(/\u001B\[\?25h\u001B\[\?1049l$/);
    expect(plain(said)).toMatch(/goodmailto \S+, 1 process, up \d+s, 0 sessions, 0 networks blocked/);
    expect(plain(said)).toMatch(/goodmailto: unknown +0(?:\.\d)? +1/);
    expect(plain(said)).toMatch(new RegExp(`127\\.0\\.0\\.1:${hop.port} +\\d +ready`));
  });

  it.skipIf(missing("python3"))("gives the terminal back when it is interrupted", async () => {
    const { code, said } = await inTerminal(top(), [["recipients refused", "\u0003"]]);
    expect(code).toBe(0);
    expect(said.trimEnd()).toMatch(/\u001B\[\?1049l$/);
  });

  it("prints one interval where there is no terminal", () => {
    const { status, stdout } = spawnSync(process.execPath, top("--every", "0.1").slice(1), { encoding: "utf8" });
    expect(status).toBe(0);
    expect(stdout).not.toContain("\u001B");
    expect(stdout).toMatch(/recipients accepted +0 +1\n/);
    expect(stdout).toMatch(/\nlist: \d+[sm] old, of 20/);
    expect(stdout).toMatch(/\nmessages deferred +0 +0\n/);
    expect(stdout).toMatch(/\nrecipients refused most +share +in 60m\nnobody@kontor\.example +100% +1\n/);
    expect(stdout).toMatch(/\nclients refused most +share +in 60m\n127\.0\.0\.1 +100% +1\n/);
  });

  it("says that no relay runs, and what words are wrong", () => {
    const alone = join(scene.folder, "alone.toml");
    writeFileSync(alone, configOf({ hop: hop.port, smtp: `status_folder = "${scene.folder}/nobody"` }));
    const run = (...words: string[]) => spawnSync(process.execPath, [main, "top", ...words], { encoding: "utf8" });
    expect(run("-c", alone)).toMatchObject({ status: 69, stdout: expect.stringContaining("no relay runs") as string });
    for (const every of ["0", "x", "-1", "1e9", ""]) {
      expect(run("-c", alone, "--every", every).status, every).toBe(2);
    }
  });

  it("joins processes, takes a new start for a new start, and shows no control characters of a hop", () => {
    const relay = {
      ...{ pid: 1, version: "2.0.0", uptime: 200_000, sessions: 3, loaded: "", list: "2026-11-01T00:00:00.000Z" },
      ...{ addresses: 10, waiting: null, alarm: "torn: its seal", blocked: 2 },
      hops: [{ hop: "inside:25", connections: 2, rests: "421 busy\u001B[2J\r\nnow" }],
    };
    const at = (time: number, ...values: number[]): Look => ({
      at: time,
      now: Date.UTC(2026, 10, 3, 1),
      silent: [],
      relays: values.map((value) => ({
        ...relay,
        totals: { 'recipients{check="goodmailto",verdict="refused"}': value },
      })),
    });
    const refused = {
      recipients: [{ name: "old@kontor.example\u001B[2J", count: 6 }],
      clients: [{ name: "192.0.2.7", count: 8 }],
      ...{ refused: 8, deferred: 2, since: 0, until: 3_600_000 },
    };
    const view = { columns: 90, rows: 24, sort: "rate", paused: false } as const;
    const lines = screen(at(3000, 500, 100), at(1000, 100, 100), view);
    const small = screen(at(3000, 1), undefined, { ...view, rows: 5, columns: 20 });
    expect(small).toHaveLength(5);
    expect(Math.max(...small.map((line) => line.length))).toBe(20);
    expect(lines[0]).toBe("goodmailto 2.0.0, 2 processes, up 2d, 6 sessions, 2 networks blocked");
    expect(lines[1]).toBe("list: 2d old, of 2026-11-01T00:00:00.000Z (10 addresses)");
    expect(lines.find((line) => line.startsWith("recipients refused"))).toMatch(/ 200 +600$/);
    expect(lines.find((line) => line.startsWith("inside:25"))).toMatch(/ 4 +421 busy\?\[2J\?\?now$/);
    expect(lines).toContain("ALARM: torn: its seal");
    // Titles give way to figures.
    const slim = screen(at(3000, 500, 100), at(1000, 100, 100), { ...view, columns: 40 });
    expect(slim.find((line) => line.startsWith("recipients r"))).toMatch(/^recipients ref… +200 +600$/);
    expect(slim.find((line) => line.includes("per second"))).toMatch(/ per second +since start$/);
    const asked = screen({ ...at(3000, 1), refused }, undefined, { ...view, rows: 60 });
    expect(asked.find((line) => line.startsWith("replies that only defer"))).toMatch(/ 20% +2$/);
    expect(asked.find((line) => line.startsWith("old@kontor"))).toMatch(/^old@kontor\.example\?\[2J +75% +6$/);
    expect(asked.find((line) => line.startsWith("192.0.2.7"))).toMatch(/ 100% +8$/);
    const anew = screen(at(3000, 10), at(2000, 500), view);
    expect(anew.find((line) => line.startsWith("recipients refused"))).toMatch(/ 10 +10$/);
  });
});
