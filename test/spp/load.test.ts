/** Many sessions at once. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Scene } from "./scene.ts";

/** Waits until a claim is true; fails after ten seconds. */
async function until(claim: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!claim()) {
    expect(Date.now()).toBeLessThan(end);
    await wait(5);
  }
}

describe("plugins of many sessions", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene({ max_processes: 16 });
  });
  afterEach(() => scene.remove());

  it("keep their variables apart, run in order, and leave nothing, with 80 sessions of three plugins", async () => {
    scene.plugin("one", 'echo "Sseen=$ME"; echo "HX-One: $ME"');
    scene.plugin("two", 'echo "Sseen=$seen$ME"; echo Ugone');
    scene.plugin("three", 'echo "E550 $seen ${gone-none} ${other-none}"');
    scene.config("[connection]\n:true\n[mail]\nplugins/one\nplugins/two\nplugins/three\n");
    await scene.mail(await scene.greeted(), "a@b.test");
    const launcher = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
    const running = (): string => readFileSync(`/proc/${launcher}/task/${launcher}/children`, "utf8");
    const descriptors = (): number => readdirSync("/proc/self/fd").length + readdirSync(`/proc/${launcher}/fd`).length;
    // Refusals are told before their programs are gone.
    await until(() => running() === "");
    const before = descriptors();
    const answers = await Promise.all(
      Array.from({ length: 80 }, async (_, i) => {
        const client = await scene.greeted({ ME: `m${i}`, gone: "x", ...(i % 2 === 0 ? { other: "y" } : {}) });
        const answer = await scene.mail(client, `a${i}@b.test`);
        expect(client.session.headers).toEqual([`X-One: m${i}`]);
        return answer;
      }),
    );
    expect(answers).toEqual(answers.map((_, i) => `550 m${i}m${i} none ${i % 2 === 0 ? "y" : "none"}`));
    await until(() => descriptors() <= before && running() === "");
  });

  it("never run more programs at once than they may, over all listeners", async () => {
    scene.remove();
    scene = new Scene({ max_processes: 3 });
    scene.plugin("count", 'touch run.$$; echo "P$(ls -d run.* | wc -l)"; sleep 0.02; rm run.$$');
    scene.config("[mail]\nplugins/count\n");
    const most = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const client = scene.client();
        await scene.ask(client, "mail", i % 2 === 0 ? scene.pipeline : scene.secondPipeline);
        return Number(client.printed[0]);
      }),
    );
    expect(Math.max(...most)).toBeLessThanOrEqual(3);
    expect(Math.max(...most)).toBeGreaterThan(1);
  });

  it("answer 451 to who waits in line for too long", async () => {
    scene.remove();
    scene = new Scene({ max_processes: 1, timeout: "400ms" });
    scene.config("[mail]\n:trap '' TERM; sleep 1000\n[helo]\n:echo N\n");
    const slow = scene.mail(await scene.greeted(), "a@b.test");
    const late = scene.ask(await scene.greeted(), "helo");
    expect(await slow).toBe("451 4.3.0 qmail-spp failure: :trap '' TERM; sleep 1000: timed out (#4.3.0)");
    expect(await late).toMatch(/^451 4\.3\.0 qmail-spp failure: :echo N: too many plugins \(#4\.3\.0\)$/);
  });

  it("of one session never overlap, though a refusal is told early", async () => {
    scene.config('[mail]\n:echo "E550 no"; sleep 0.2; echo one >>order\n[rcpt]\n:echo two >>order\n');
    const client = await scene.greeted();
    expect(await scene.mail(client, "a@b.test")).toBe("550 no");
    expect(await scene.rcpt(client, "a@good.test")).toBe("pass");
    expect(scene.lines("order")).toEqual(["one", "two"]);
  });
});
