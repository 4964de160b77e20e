/** A relay whose log cannot be written: mail does not wait for it, and what was lost is told as soon as it can be. */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { sendMany } from "./load.ts";
import { answerTo, configOf, node, Scene, until } from "./scene.ts";
import type { Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

let scene: Scene;
let hop: NextHop;
beforeEach(async () => {
  scene = new Scene();
  hop = await startNextHop();
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna@kontor.example"]);
});
afterEach(async () => {
  await scene.close();
  await hop.close();
});

const acceptedAtHop = (): number => hop.received.filter(({ answer }) => answer.startsWith("250")).length;

interface Site {
  readonly program: Program;
  readonly port: number;
  /** Rewrites the configuration, with another text for unknown recipients. */
  change(reply: string): void;
}

/** A relay that logs to a file, and answers. */
async function serve(log: string, workers: number): Promise<Site> {
  const port = await freePort();
  const write = (reply: string): string => {
    // No line but those that are counted.
    const more = `[log]\nsessions = false\n\n[recipients]\nreply = "${reply}"`;
    return scene.write("goodmailto.toml", configOf({ hop: hop.port, port, smtp: `workers = ${workers}`, more }));
  };
  const words = [node, main, "serve", "--config", write("No such user here")];
  const program = scene.run("sh", ["-c", `exec "$0" "$@" 2>>${log}`, ...words]);
  await until(
    () => answerTo(port, "nobody@kontor.example").catch(String),
    (answer) => answer === "550 5.1.1 No such user here",
  );
  return { program, port, change: write };
}

describe.each([1, 2])("goodmailto serve with %i worker(s) and a log on a full disk", (workers) => {
  it("serves, reloads and stops as ever, and all mail gets through", async () => {
    const { program, port, change } = await serve("/dev/full", workers);
    const tally = await sendMany(port, 4, ({ accepted }) => accepted >= 100);
    expect(tally.others).toEqual([]);
    expect(acceptedAtHop()).toBe(tally.accepted);
    change("Nobody of that name");
    program.child.kill("SIGHUP");
    await until(
      () => answerTo(port, "nobody@kontor.example"),
      (answer) => answer === "550 5.1.1 Nobody of that name",
    );
    const began = performance.now();
    expect(await program.stop()).toEqual({ code: 0, stdout: "", stderr: "" });
    // What cannot be written is not tried again and again, as what a slow reader has not taken is for two seconds.
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe.skipIf(missing("prlimit"))("goodmailto serve with a disk that fills up and is cleared", () => {
  /** A file that may not grow is to a program what a full disk is; the error is EFBIG instead of ENOSPC. */
  function limitFiles({ pid }: Program, bytes: string): void {
    const { status, stderr } = spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);
    expect(stderr.toString()).toBe("");
    expect(status).toBe(0);
  }

  it("says how many lines were lost, and begins a line anew behind half a one", async () => {
    const path = join(scene.folder, "log");
    const { program, port } = await serve(path, 1);
    const written = (pattern: RegExp): number => readFileSync(path, "utf8").match(pattern)?.length ?? 0;
    const verdict = String.raw`^goodmailto: host: \S+ from: \S+ to: \S+ \(\S+\) status: `;
    const unknown = new RegExp(`${verdict}not found$`, "gm");
    await until(
      () => written(unknown),
      (count) => count === 1,
    );
    // Room for half a line.
    const { size } = statSync(path);
    limitFiles(program, String(size + 40));
    for (let count = 0; count < 5; count++) {
      expect(await answerTo(port, "nobody@kontor.example")).toBe("550 5.1.1 No such user here");
      // Each line in a batch of its own, or several together: all are lost.
      await until(
        () => statSync(path).size,
        (now) => now === size + 40,
      );
    }
    const tally = await sendMany(port, 4, ({ accepted }) => accepted >= 40);
    expect([tally.others, acceptedAtHop()]).toEqual([[], tally.accepted]);
    limitFiles(program, "unlimited");
    expect(await answerTo(port, "nobody@kontor.example")).toBe("550 5.1.1 No such user here");
    const text = await until(
      () => readFileSync(path, "utf8"),
      (now) => now.includes("lines lost"),
    );
    expect(text).toMatch(/^log: lines lost count=\d+ reason="EFBIG"$/m);
    const lost = (): number =>
      [...readFileSync(path, "utf8").matchAll(/lines lost count=(\d+)/g)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    expect(lost()).toBeGreaterThan(0);
    // The last one is on a line of its own, behind the half of another.
    expect(written(unknown)).toBeGreaterThanOrEqual(2);
    // A message is a verdict and its delivery, some of which are still to be written. None is reported that was not lost,
    // and none is lost silently.
    const messages = new RegExp(`${verdict}found$|^message: delivered .* code=250 `, "gm");
    await until(
      () => lost() + written(messages) + written(unknown),
      (count) => count === 1 + 5 + 2 * tally.accepted + 1,
    );
    expect((await program.stop()).code).toBe(0);
  });
});
