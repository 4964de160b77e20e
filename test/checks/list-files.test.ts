/** Every check that has a list, under whatever may become of the list. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";

import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

import { geo } from "../../src/checks/client/geo.ts";
import { badmailfrom } from "../../src/checks/envelope/badmailfrom.ts";
import { badmailfromto } from "../../src/checks/envelope/badmailfromto.ts";
import { badrcptto } from "../../src/checks/envelope/badrcptto.ts";
import { badrcptto_patterns } from "../../src/checks/envelope/badrcptto_patterns.ts";
import { challenge } from "../../src/checks/envelope/challenge.ts";
import { badhelo } from "../../src/checks/envelope/badhelo.ts";
import { bounce_rcpt } from "../../src/checks/envelope/bounce_rcpt.ts";
import { denybounce } from "../../src/checks/envelope/denybounce.ts";
import { rcpt_regexp } from "../../src/checks/envelope/rcpt_regexp.ts";
import { spamtrap } from "../../src/checks/envelope/spamtrap.ts";
import { aliases } from "../../src/checks/recipient/aliases.ts";
import { mailinglist } from "../../src/checks/recipient/mailinglist.ts";
import { majordomo } from "../../src/checks/recipient/majordomo.ts";
import { goodrcptto } from "../../src/checks/recipient/goodrcptto.ts";
import { relocated } from "../../src/checks/recipient/relocated.ts";
import type { CheckDefinition } from "../../src/hooks/check.ts";
import { makeMmdb } from "../fakes/mmdb.ts";
import { missing } from "../fakes/need.ts";
import { onlyUnless } from "../hooks/only-unless.ts";
import { ListScene } from "./list-scene.ts";
import type { Asked } from "./list-scene.ts";

/** Where the clients are that ask; "": nothing can be written here. */
const places = missing("perl", "MaxMind::DB::Writer") ? "" : join(mkdtempSync(join(tmpdir(), "goodmailto-")), "mmdb");
if (places !== "") {
  writeFileSync(places, makeMmdb({ "192.0.2.0/24": "Berlin.DE", "2001:db8::/32": "Berlin.DE" }));
}
afterAll(() => (places === "" ? undefined : rmSync(dirname(places), { recursive: true })));

/** One check: a line that makes it refuse, the question that is refused, and a line for each of many others. */
interface Row {
  readonly check: CheckDefinition;
  readonly values?: Readonly<Record<string, unknown>>;
  /** The setting that names the list, if not `file`. */
  readonly key?: string;
  readonly line: string;
  readonly asked: Asked;
  readonly others: (n: number) => string;
  /** A line that is left out; "": there is none. */
  readonly bad: string;
  /** The answer is the other way round: who is not listed is refused. */
  readonly isGoodList?: true;
  /** What is said where the list is missing or empty, if that is not nothing. */
  readonly usual?: string;
  /** Files besides the list, and settings that name their folder. */
  readonly prepare?: (folder: string) => Readonly<Record<string, unknown>>;
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
  {
    check: rcpt_regexp,
    line: "victim@ours.example DENY no",
    asked: victim,
    others: (n) => `/^v${n}@.*x$/ DENY no`,
    bad: "/^(a+)+$/ DENY no",
  },
  {
    check: bounce_rcpt,
    line: "/^victim@/ DENY",
    asked: { from: "", ...victim },
    others: (n) => `v${n}@ours.example DENY`,
    bad: "/victim/ SOMETIMES",
  },
  {
    check: denybounce,
    line: "victim",
    asked: { from: "", ...victim },
    others: (n) => `v${n}@ours.example`,
    bad: "@@",
    isGoodList: true,
  },
  { check: badhelo, line: "bad.test", asked: { helo: "bad.test" }, others: (n) => `bad${n}.test`, bad: "" },
  {
    check: badhelo,
    values: { patterns: true },
    line: "^bad\\.",
    asked: { helo: "bad.test" },
    others: (n) => `^bad${n}.*x$`,
    bad: "^(a+)+$",
  },
  {
    check: goodrcptto,
    line: "victim@ours.example",
    asked: victim,
    others: (n) => `v${n}@ours.example`,
    bad: "@@",
    isGoodList: true,
  },
  {
    // Its verdict is "skip the others".
    check: spamtrap,
    values: { target: "collector@ours.example" },
    line: "victim@ours.example",
    asked: victim,
    others: (n) => `v${n}@ours.example`,
    bad: "@@",
  },
  {
    check: aliases,
    line: "victim@ours.example: vera@ours.example",
    asked: victim,
    others: (n) => `v${n}@ours.example: vera@ours.example`,
    bad: "victim@ours.example: |/bin/sh",
    isGoodList: true,
  },
  {
    check: relocated,
    line: "victim@ours.example victim@new.example",
    asked: victim,
    others: (n) => `v${n}@ours.example victim@new.example`,
    bad: "victim@ours.example moved to <b>Rome</b>",
  },
  {
    // Without an alias of its own a mailing list is deferred: that is its mark here.
    check: mailinglist,
    line: "victim@ours.example PUBLIC",
    asked: victim,
    others: (n) => `v${n}@ours.example PROTECTED`,
    bad: "victim@ours.example SOMETIMES",
  },
  {
    check: majordomo,
    key: "unused",
    prepare: (folder) => {
      writeFileSync(join(folder, "list.config"), "restrict_post = list\n");
      return { lists: folder, sender: "envelope", aliases: { "victim@ours.example": "list" } };
    },
    line: "Friend <friend@far.test>",
    asked: { from: "friend@far.test", ...victim },
    others: (n) => `v${n}@far.test`,
    bad: "friend",
    isGoodList: true,
    usual: "E451 4.3.5 Mailing list is not configured",
  },
  {
    check: challenge,
    values: { protect: ["ours.example"] },
    key: "whitelist",
    line: "friend@far.test",
    asked: { from: "friend@far.test", ...victim },
    others: (n) => `v${n}@far.test`,
    bad: "friend",
    isGoodList: true,
    usual: "E550 5.7.1 Sender not known to this recipient",
  },
  ...(places === ""
    ? []
    : [
        {
          check: geo,
          values: { database: places, whitelist: "" },
          key: "blacklist",
          line: "Berlin.DE",
          asked: { ip: "192.0.2.7" },
          others: (n: number) => `Berlin ${n}.DE`,
          bad: "Berlin",
        },
      ]),
];

describe.each(rows.map((row) => ({ ...row, title: `${row.check.name} ${JSON.stringify(row.values ?? {})}` })))(
  "the list of $title",
  ({ check, values, key, line, asked, others, bad, isGoodList, usual = "", prepare }) => {
    let scene: ListScene;
    beforeEach(() => {
      scene = new ListScene();
    });
    afterEach(() => scene.close());
    const start = () => scene.start(check, { ...values, ...prepare?.(scene.folder) }, {}, key);
    /** Whether the question is refused, as the list's line would have it. */
    const counts = async (): Promise<boolean> => ((await scene.ask(asked)) !== "") !== (isGoodList ?? false);
    /** Lines with facts; those without are the check's own about a client. */
    const warned = (): string[] => scene.log.lines.filter((one) => one.includes("{"));
    const elsewhere = `${others(1)}\n`;

    it("decides nothing while it is missing or empty, and counts when it is there", async () => {
      start();
      expect(await scene.ask(asked)).toBe(usual);
      scene.write("# nobody\n\n");
      expect(await scene.ask(asked)).toBe(usual);
      scene.write(`${elsewhere}  ${line}  \r\n`);
      expect(await counts()).toBe(true);
      scene.write(elsewhere);
      expect(await counts()).toBe(false);
      scene.remove();
      expect(await scene.ask(asked)).toBe(usual);
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
      expect(warned()).toHaveLength(1);
      expect(warned()[0]).toContain(`${check.name}: list cannot be read, keeping the previous one`);
    });

    onlyUnless(bad === "")("leaves out a line that cannot be used, and names it", async () => {
      scene.write(`${bad}\n${line}\n`);
      start();
      expect(await counts()).toBe(true);
      scene.later();
      await scene.ask(asked);
      expect(warned()).toHaveLength(1);
      expect(warned()[0]).toContain(`${check.name}: line left out`);
      expect(warned()[0]).toContain(`${scene.file}:1: `);
    });

    it("may have 100,000 lines", async () => {
      const lines = (count: number): string[] => Array.from({ length: count - 2 }, (_, n) => others(n + 2));
      /** The fastest of many questions: what the machine does besides slows down some, never all. */
      const fastest = async (): Promise<number> => {
        let best = Number.POSITIVE_INFINITY;
        for (let n = 0; n < 30; n++) {
          const begun = performance.now();
          await scene.ask(asked);
          best = Math.min(best, performance.now() - begun);
        }
        return best;
      };
      scene.write(`${lines(100).join("\n")}\n${line}\n`);
      start();
      expect(await counts()).toBe(true);
      const few = await fastest();
      scene.write(`${lines(100_000).join("\n")}\n${line}\n`);
      expect(await counts()).toBe(true);
      expect(warned()).toEqual([]);
      // Addresses are looked up, in a larger table. A thousand times as many patterns have to be tried one by one, from
      // memory that no cache holds; with each against each it would be a million times.
      expect((await fastest()) / few).toBeLessThan(/[\^/]/.test(line) ? 100_000 : 30);
    }, 120_000);

    it("counts for clients with IPv6 alike", async () => {
      scene.write(`${line}\n`);
      start();
      expect(await scene.ask({ ...asked, ip: "2001:db8::7" })).toBe(await scene.ask(asked));
    });
  },
);
