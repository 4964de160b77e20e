/** The one suite that every back end of the registry passes, each against its real counterpart. */
import { globSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";

import type { BackEnd, BackEndDefinition } from "../../../src/auth/backends/contract.ts";
import { backEnds } from "../../../src/auth/backends/registry.ts";
import { tellsPassword } from "../../../src/auth/backends/secret.ts";
import { askChain } from "../../../src/auth/chain.ts";
import { fieldMeta } from "../../../src/config/fields.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import type { Log, LogFields } from "../../../src/report/log.ts";
import { Slots } from "../../../src/wait/slots.ts";
import { users } from "./stage.ts";
import type { Stage, StageBuilder } from "./stage.ts";

const stages = join(import.meta.dirname, "stages");
const ip = "192.0.2.1";
const [[alice, right] = ["", ""]] = users;

/** What is never a user with that password. None of them may be accepted, stop the back end, or reach another user. */
const hostileUsers = [
  "alice",
  "alice@kontor.example@",
  "' OR 1=1 -- ",
  "' OR '1'='1",
  "alice@kontor.example' -- @kontor.example",
  "*)(uid=*@kontor.example",
  "alice@kontor.example%00@x",
  '"alice@kontor.example',
  "{20}\\@kontor.example",
  "../../etc/passwd",
  "$(reboot)@kontor.example",
  "-h@kontor.example",
  "%s%n@kontor.example",
  "ä\u202e€@kontor.example",
  `${"x".repeat(1012)}@example.org`,
];
const hostilePasswords = [
  "open sesame ",
  "OPEN SESAME",
  "open sesam",
  "open sesame\0",
  "open sesame\r\nNOOP",
  "open sesame\n",
  "open sesame\tx",
  "' OR '1'='1",
  '" {3+}\r\nabc',
  "\\",
  '"',
  "*",
  "=",
  "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/",
  "\u0001\u007f\u0000x",
  "\ud83d\ude00".repeat(256),
  "p".repeat(1024),
];

/** One for every stage: NAME.ts, or NAME-KIND.ts where a back end has several. */
const cases = backEnds.flatMap((definition) =>
  globSync([`${definition.name}.ts`, `${definition.name}-*.ts`], { cwd: stages }).map((file) => ({ file, definition })),
);

it("has a stage for every back end", () => {
  expect(new Set(cases.map(({ definition }) => definition))).toEqual(new Set(backEnds));
});

describe.each(cases)("back end of stages/$file", ({ file, definition }) => {
  const { name } = definition;
  let builder: StageBuilder;
  let stage: Stage;
  let backEnd: BackEnd;
  const written: string[] = [];
  const log = logTo(written);

  beforeAll(async () => {
    ({ stage: builder } = (await import(`./stages/${file}`)) as { stage: StageBuilder });
    if (!builder.isMissing()) {
      stage = await builder.build(users);
      backEnd = open(definition, stage.settings, log);
    }
  }, 60_000);
  afterAll(async () => {
    backEnd?.close?.();
    await stage?.close();
  });

  /** The answer as the chain takes it, its words for the log kept. */
  async function ask(user: string, password: string, timeout = 20_000): Promise<string> {
    const link = { name, backEnd, timeout };
    const answer = await askChain([link], { user, password, ip }, () => undefined);
    written.push(JSON.stringify(answer));
    return answer.kind;
  }

  it("has its words", () => {
    expect(definition.doc).toMatch(/^[A-Z].*\.$/);
    const fields = Object.entries(definition.settings);
    expect(fields.filter(([, type]) => fieldMeta(type) === undefined)).toEqual([]);
    expect(fields.map(([key]) => key)).toContain(definition.key);
  });

  it("accepts every user with the right password, and nobody with another one's", async (context) => {
    context.skip(stage === undefined);
    for (const [user, password] of users) {
      expect([user, await ask(user, password)]).toEqual([user, "accepted"]);
      const others = [...users.values()].filter((each) => each !== password);
      expect(await Promise.all(others.map((other) => ask(user, other)))).toEqual(others.map(() => "refused"));
    }
  });

  it("gives passwords in clear exactly where it says so", async (context) => {
    context.skip(stage === undefined);
    const values = z.object(definition.settings).parse(stage.settings);
    const holds = definition.holdsClear?.(values) === true && stage.isHashed !== true;
    expect(backEnd.clearOf !== undefined).toBe(holds);
    const known = await backEnd.clearOf?.(alice, AbortSignal.timeout(20_000));
    expect(holds ? ["clear", "refused"] : [undefined]).toContain(known?.kind);
    const answer = await backEnd.clearOf?.("nobody@kontor.example", AbortSignal.timeout(20_000));
    expect(["unknown", undefined]).toContain(answer?.kind);
  });

  it("does not know a stranger, or refuses", async (context) => {
    context.skip(stage === undefined);
    const answer = await backEnd.check(
      { user: "nobody@kontor.example", password: right, ip },
      AbortSignal.timeout(20_000),
    );
    expect(answer).toEqual({ kind: definition.tellsUnknown ? "unknown" : "refused" });
  });

  it("takes hostile names and passwords for what they are, and stays well", async (context) => {
    context.skip(stage === undefined);
    const logins = [
      ...hostileUsers.map((user) => [user, right] as const),
      ...hostilePasswords.map((password) => [alice, password] as const),
    ];
    const slots = new Slots(8);
    const answers = logins.map((login) => slots.run(async () => [...login, await ask(...login)]));
    expect(await Promise.all(answers)).toEqual(logins.map((login) => [...login, "refused"]));
    expect(await ask(alice, right)).toBe("accepted");
  }, 60_000);

  it("answers 200 at once, each its own", async (context) => {
    context.skip(stage === undefined);
    const slots = new Slots(8);
    const asked = Array.from({ length: 200 }, (_, i) => {
      const [user, password] = [...users][i % users.size] ?? ["", ""];
      return { user, password: i % 2 === 0 ? password : `${password}${i}` };
    });
    const answers = await Promise.all(asked.map(({ user, password }) => slots.run(() => ask(user, password, 60_000))));
    expect(answers).toEqual(asked.map((_, i) => (i % 2 === 0 ? "accepted" : "refused")));
  }, 120_000);

  it("is unavailable while its counterpart is away, and well again afterwards", async (context) => {
    context.skip(stage === undefined);
    await stage.leave();
    expect(await ask(alice, right)).toBe("unavailable");
    await stage.comeBack();
    expect(await ask(alice, right)).toBe("accepted");
  }, 60_000);

  it("is unavailable within its time limit while its counterpart hangs", async (context) => {
    context.skip(stage === undefined);
    if (stage.hang === undefined) {
      expect(definition.key).toBe("passwords");
      return;
    }
    await stage.hang();
    const start = performance.now();
    const answers = await Promise.all([ask(alice, right, 500), ask(alice, "wrong", 500)]);
    expect(answers).toEqual(["unavailable", "unavailable"]);
    expect(performance.now() - start).toBeLessThan(10_000);
    await stage.comeBack();
    expect(await ask(alice, right)).toBe("accepted");
  }, 60_000);

  it("serves sessions that began before it was closed", async (context) => {
    context.skip(stage === undefined);
    const old = open(definition, stage.settings, log);
    const login = { user: alice, password: right, ip };
    expect(await old.check(login, AbortSignal.timeout(20_000))).toEqual({ kind: "accepted" });
    old.close?.();
    expect(await old.check(login, AbortSignal.timeout(20_000))).toEqual({ kind: "accepted" });
    old.close?.();
  });

  it("says no password to the log", (context) => {
    context.skip(stage === undefined);
    const secrets = [
      ...users,
      ...hostilePasswords.filter((each) => each.length > 2).map((each) => [alice, each] as const),
    ];
    const telling = secrets.filter(([user, password]) =>
      written.some((text) => tellsPassword(text, { user, password })),
    );
    expect(telling).toEqual([]);
    expect(written.length).toBeGreaterThan(200);
  });
});

function open(definition: BackEndDefinition, settings: Readonly<Record<string, unknown>>, log: Log): BackEnd {
  const values = z.object(definition.settings).parse(settings);
  return definition.create(values, { log, domains: createDomains(["kontor.example"]) });
}

function logTo(written: string[]): Log {
  const write = (part: string, event: string, fields?: LogFields): void => {
    written.push(JSON.stringify([part, event, fields]));
  };
  return { debug: write, info: write, warning: write, error: write, verdict: () => undefined };
}
