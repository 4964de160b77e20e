/** Every check that has a list, under whatever may become of the list. */
import { mkdirSync } from "node:fs";
import { performance } from "node:perf_hooks";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badmailfrom } from "../../src/checks/envelope/badmailfrom.ts";
import { badmailfromto } from "../../src/checks/envelope/badmailfromto.ts";
import { badrcptto } from "../../src/checks/envelope/badrcptto.ts";
import { badrcptto_patterns } from "../../src/checks/envelope/badrcptto_patterns.ts";
import type { CheckDefinition } from "../../src/hooks/check.ts";
import { ListScene } from "./list-scene.ts";
import type { Asked } from "./list-scene.ts";

/** One check: a line that makes it refuse, the question that is refused, and a line for each of many others. */
interface Row {
  readonly check: CheckDefinition;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly line: string;
  readonly asked: Asked;
  readonly others: (n: number) => string;
  /** A line that is left out. */
  readonly bad: string;
  /** The answer is the other way round: who is not listed is refused. */
  readonly isGoodList?: true;
}

const victim = { to: "victim@ours.example" };
const rows: readonly Row[] = [
  {
    check: badmailfrom,
    line: "bad@far.test",
    asked: { from: "bad@far.test" },
    others: (n) => `bad${n}@far.test`,
    bad: "nobody",
  },
  {
    check: badmailfrom,
    values: { patterns: true },
    line: "^bad@",
    asked: { from: "bad@far.test" },
    others: (n) => `^bad${n}@.*x$`,
    bad: "(a+)+$",
  },
  {
    check: badmailfromto,
    line: "bad@far.test victim@ours.example",
    asked: { from: "bad@far.test", ...victim },
    others: (n) => `bad${n}@far.test victim@ours.example`,
    bad: "bad@far.test @ours.example",
  },
  { check: badrcptto, line: "victim@ours.example", asked: victim, others: (n) => `v${n}@ours.example`, bad: "victim" },
  {
    check: badrcptto,
    values: { patterns: true },
    line: "^victim@",
    asked: victim,
    others: (n) => `^v${n}@.*x$`,
    bad: "^(a+)+$",
  },
  {
    check: badrcptto_patterns,
    line: "^victim@ no",
    asked: victim,
    others: (n) => `^v${n}@.*x$ no`,
    bad: "^(a+)+$ no",
  },
];

describe.each(rows.map((row) => ({ ...row, title: `${row.check.name} ${JSON.stringify(row.values ?? {})}` })))(
  "the list of $title",
  ({ check, values, line, asked, others, bad, isGoodList }) => {
    let scene: ListScene;
    beforeEach(() => {
      scene = new ListScene();
    });
    afterEach(() => scene.close());
    const start = () => scene.start(check, values);
    /** Whether the question is refused, as the list's line would have it. */
    const counts = async (): Promise<boolean> => ((await scene.ask(asked)) !== "") !== (isGoodList ?? false);
    const elsewhere = `${others(1)}\n`;

    it("decides nothing while it is missing or empty, and counts when it is there", async () => {
      start();
      expect(await scene.ask(asked)).toBe("");
      scene.write("# nobody\n\n");
      expect(await scene.ask(asked)).toBe("");
      scene.write(`${elsewhere}  ${line}  \r\n`);
      expect(await counts()).toBe(true);
      scene.write(elsewhere);
      expect(await counts()).toBe(false);
      scene.remove();
      expect(await scene.ask(asked)).toBe("");
    });

    it("stays as it was while it cannot be read, with one line in the log", async () => {
      scene.write(`${line}\n`);
      start();
      expect(await counts()).toBe(true);
      scene.remove();
      mkdirSync(scene.file);
      for (let look = 0; look < 3; look++) {
        scene.later();
        expect(await counts()).toBe(true);
      }
      expect(scene.log.lines).toHaveLength(1);
      expect(scene.log.lines[0]).toContain(`${check.name}: list cannot be read, keeping the previous one`);
    });

    it("leaves out a line that cannot be used, and names it", async () => {
      scene.write(`${bad}\n${line}\n`);
      start();
      expect(await counts()).toBe(true);
      scene.later();
      await scene.ask(asked);
      expect(scene.log.lines).toHaveLength(1);
      expect(scene.log.lines[0]).toContain(`${check.name}: line left out`);
      expect(scene.log.lines[0]).toContain(`${scene.file}:1: `);
    });

    it("may have 100,000 lines", async () => {
      const lines = Array.from({ length: 99_998 }, (_, n) => others(n + 2));
      scene.write(`${lines.join("\n")}\n${line}\n`);
      start();
      expect(await counts()).toBe(true);
      expect(scene.log.lines).toEqual([]);
      const begun = performance.now();
      for (let n = 0; n < 10; n++) {
        await scene.ask(asked);
      }
      expect((performance.now() - begun) / 10).toBeLessThan(200);
    }, 60_000);

    it("counts for clients with IPv6 alike", async () => {
      scene.write(`${line}\n`);
      start();
      expect(await scene.ask({ ...asked, ip: "2001:db8::7" })).toBe(await scene.ask(asked));
    });
  },
);
