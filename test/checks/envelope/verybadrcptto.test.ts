/** verybadrcptto: the note at RCPT, the refusal at DATA, and the same from its pair of example plugins. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { verybadrcptto } from "../../../src/checks/envelope/verybadrcptto.ts";
import type { CheckRun } from "../../../src/hooks/check.ts";
import type { Session } from "../../../src/hooks/session.ts";
import {
  asOriginal,
  atRecipient,
  Clock,
  mailbox,
  makeSession,
  RecordingLog,
  runPlugin,
  startCheck,
} from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

const note =
  "sorry, one or more of the recipients has flagged this e-mail as unsolicited bulk/commercial e-mail which is contrary to our acceptable e-mail use policy";
const refusal = `554 5.6.1 ${note} - spam score exceeded threshold (#5.6.1)`;
const rcptLine = (address: string): string =>
  `check_verybadrcptto: <${address}> is such a bad recipient that no data will be allowed to be sent`;

const plugin = (hook: string, list: string, variables: Record<string, string>) =>
  runPlugin("check_verybadrcptto", [hook, list], variables);

function ask(check: CheckRun, session: Session, ...addresses: readonly string[]): void {
  for (const address of addresses) {
    expect(check.rcpt?.(atRecipient(session, address))).toEqual({ kind: "pass" });
  }
}

describe("verybadrcptto", () => {
  let folder: string;
  let list: string;
  let log: RecordingLog;
  let clock: Clock;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-verybadrcptto-"));
    list = join(folder, "verybadrcptto");
    writeFileSync(list, "# traps\n\n  Trap@Example.COM  \n@whole.test\nuser-part-only\n  # indented\n");
    log = new RecordingLog();
    clock = new Clock();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const start = (values: Record<string, unknown> = {}): CheckRun =>
    startCheck(verybadrcptto, { file: list, ...values }, log, clock.now);
  /** What is not refused is passed at once; what is refused has to wait for a second, which is tested once. */
  const expectRefusal = (check: CheckRun, session: Session): void => {
    expect(check.data?.(session)).toBeInstanceOf(Promise);
    expect(log.lines.at(-1)).toBe(`check_verybadrcptto: ${note}`);
  };

  it("passes the trap at RCPT and refuses the message at DATA, a second later, in qpsmtpd's words", async () => {
    const check = start();
    const session = makeSession();
    ask(check, session, "good@example.test", "tRAP@example.com");
    const started = performance.now();
    expect(await check.data?.(session)).toEqual({
      kind: "refuse",
      reason: "trap",
      reply: { code: 554, wire: `${refusal}\r\n` },
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
    expect(log.lines).toEqual([rcptLine("trap@example.com"), `check_verybadrcptto: ${note}`]);
  });

  it("lets others go on while one client waits", async () => {
    const check = start();
    const session = makeSession();
    ask(check, session, "trap@example.com");
    const waiting = check.data?.(session);
    expect(waiting).toBeInstanceOf(Promise);
    const other = makeSession();
    ask(check, other, "good@example.test");
    expect(check.data?.(other)).toEqual({ kind: "pass" });
    await waiting;
  });

  it("notes the trap whatever comes before or after it", () => {
    const check = start();
    const session = makeSession();
    ask(check, session, "trap@example.com", "good@example.test");
    expect(check.data?.(session)).toBeInstanceOf(Promise);
  });

  it("meets a trap of a relay domain through an alias domain, too", async () => {
    const scene = new ListScene();
    try {
      scene.write("trap@ours.example\n@whole.test\n").start(verybadrcptto);
      await scene.ask({ to: "vera@alias.example" });
      expect(scene.log.lines).toEqual([]);
      await scene.ask({ to: "Trap@alias.example" });
      expect(scene.log.lines).toEqual([rcptLine("trap@alias.example")]);
      scene.write("@ours.example\n").start(verybadrcptto, { domains: true });
      await scene.ask({ to: "vera@alias.example" });
      expect(scene.log.lines.slice(1)).toEqual([rcptLine("vera@alias.example")]);
    } finally {
      scene.close();
    }
  });

  it("forgets the note with the transaction", () => {
    const check = start();
    const session = makeSession();
    ask(check, session, "trap@example.com");
    session.reset(true);
    expect(check.data?.(session)).toEqual({ kind: "pass" });
    session.begin(mailbox("sender@sender.test"));
    ask(check, session, "good@example.test");
    expect(check.data?.(session)).toEqual({ kind: "pass" });
  });

  it("compares full addresses only, unless domains are asked for", () => {
    const session = makeSession();
    const check = start();
    ask(check, session, "anyone@whole.test", "user-part-only@example.test", "user-part-only", "xtrap@example.com");
    expect(check.data?.(session)).toEqual({ kind: "pass" });
    const wide = start({ domains: true });
    ask(wide, session, "anyone@sub.whole.test");
    expect(wide.data?.(session)).toEqual({ kind: "pass" });
    ask(wide, session, "anyone@whole.test");
    expectRefusal(wide, session);
  });

  it("leaves out exempt clients only where that is configured", () => {
    const exempt = makeSession({ NOGOODMAILTO: "" });
    const check = start();
    ask(check, exempt, "trap@example.com");
    expectRefusal(check, exempt);
    const lenient = start({ skip_bypass: true });
    for (const variables of [{ NOGOODMAILTO: "" }, { SMTPAUTHUSER: "marta" }]) {
      const session = makeSession(variables);
      ask(lenient, session, "trap@example.com");
      expect(lenient.data?.(session)).toEqual({ kind: "pass" });
    }
  });

  it("is inert while the list is missing, unnamed or empty", () => {
    rmSync(list);
    for (const file of [list, "", join(folder, "none")]) {
      const check = start({ file });
      const session = makeSession();
      ask(check, session, "trap@example.com");
      expect(check.data?.(session)).toEqual({ kind: "pass" });
    }
    expect(log.lines).toEqual([]);
  });

  it("reads the list again when it changes, and looks at most once a second", () => {
    const check = start();
    const session = makeSession();
    ask(check, session, "good@example.test");
    writeFileSync(list, "good@example.test\n");
    utimesSync(list, 1, 1);
    clock.time += 999;
    ask(check, session, "good@example.test");
    expect(log.lines).toEqual([]);
    clock.time += 1;
    ask(check, session, "good@example.test");
    expect(log.lines).toEqual([rcptLine("good@example.test")]);
    rmSync(list);
    clock.time += 1000;
    ask(check, session, "good@example.test");
    expect(log.lines.slice(1)).toEqual([expect.stringContaining("list file is missing")]);
  });

  describe("as a pair of plugins", () => {
    it("takes the same note with the same line, and refuses with the same words", async () => {
      const check = start();
      const session = makeSession();
      ask(check, session, "TRAP@example.com");
      const atRcpt = await plugin("rcpt", list, { SMTPRCPTTO: "TRAP@example.com", SMTPRCPTCOUNTALL: "1" });
      expect(atRcpt).toEqual({ commands: ["SVERYBADRCPTTO=1"], log: log.lines, exit: 0 });
      log.lines.length = 0;
      const verdict = await check.data?.(session);
      const started = performance.now();
      const atData = await plugin("data", list, { VERYBADRCPTTO: "1" });
      expect(performance.now() - started).toBeGreaterThanOrEqual(990);
      expect(atData.commands).toEqual([asOriginal(verdict ?? { kind: "drop" })]);
      expect(atData.log).toEqual(log.lines);
    });

    it.each(["good@example.test", "anyone@whole.test", "user-part-only", "", "# traps", "a\\b@x.test", "$(id)@x.test"])(
      "says nothing of %j, as the check",
      async (address) => {
        const printed = await plugin("rcpt", list, { SMTPRCPTTO: address, SMTPRCPTCOUNTALL: "2", VERYBADRCPTTO: "1" });
        expect(printed).toEqual({ commands: [], log: [], exit: 0 });
      },
    );

    it("forgets the note at the first recipient of the next transaction", async () => {
      const printed = await plugin("rcpt", list, {
        SMTPRCPTTO: "good@example.test",
        SMTPRCPTCOUNTALL: "1",
        VERYBADRCPTTO: "1",
      });
      expect(printed.commands).toEqual(["UVERYBADRCPTTO"]);
      expect(await plugin("data", list, {})).toEqual({ commands: [], log: [], exit: 0 });
    });

    it("is inert while the list is missing", async () => {
      rmSync(list);
      const printed = await plugin("rcpt", list, { SMTPRCPTTO: "trap@example.com", SMTPRCPTCOUNTALL: "1" });
      expect(printed).toEqual({ commands: [], log: [], exit: 0 });
    });
  });
});
