/**
 * What plugins cost: plugins a second, one after another and 32 at once, and what other sessions feel of it
 * (a timer of one millisecond in the same event loop stands for them). Run: node test/bench/spp.ts [MiB]
 * @param MiB memory to fill first: a fork copies the page tables of a larger process
 */
import { performance } from "node:perf_hooks";

import { Scene } from "../spp/scene.ts";

/** Runs for so long, in ms. */
const duration = 4000;

const ballast = Buffer.alloc(Number(process.argv[2] ?? 0) * 1_048_576, 1);

/** Lateness of a timer that is due each millisecond, in ms. */
function watchLoop(): () => { median: number; late: number; worst: number } {
  const late: number[] = [];
  let due = performance.now() + 1;
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    due = now + 1;
  }, 1);
  return () => {
    clearInterval(timer);
    late.sort((a, b) => a - b);
    const at = (share: number): number => late[Math.floor(late.length * share)] ?? 0;
    return { median: at(0.5), late: at(0.99), worst: late.at(-1) ?? 0 };
  };
}

async function measure(name: string, scene: Scene, sessions: number): Promise<void> {
  const stop = watchLoop();
  const start = performance.now();
  let asked = 0;
  await Promise.all(
    Array.from({ length: sessions }, async () => {
      const client = await scene.greeted();
      while (performance.now() - start < duration) {
        await scene.rcpt(client, "a@good.test");
        asked += 1;
      }
    }),
  );
  const rate = Math.round((asked * 1000) / (performance.now() - start));
  const { median, late, worst } = stop();
  const lateness = [median, late, worst].map((ms) => ms.toFixed(1)).join(" / ");
  process.stdout.write(
    `${name}, ${sessions} at once: ${rate} a second; loop late by ${lateness} ms (p50 / p99 / max)\n`,
  );
}

const scene = new Scene();
scene.plugin("shell", "echo 'SX=1'");
process.stdout.write(`resident: ${Math.round(process.memoryUsage.rss() / 1_048_576)} MiB, ballast ${ballast.length}\n`);
for (const [name, line] of [
  ["none", ""],
  ["/bin/true", "/bin/true"],
  ["a shell script", "plugins/shell"],
  ["a shell line", ":echo SX=1"],
] as const) {
  scene.config(`[rcpt]\n${line}\n`);
  await measure(name, scene, 1);
  if (line !== "") {
    await measure(name, scene, 32);
  }
}
scene.remove();
