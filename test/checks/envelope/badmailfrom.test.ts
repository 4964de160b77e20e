/** badmailfrom: entries with reasons, the file beside the configuration, and one warning if a list is missing. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badmailfrom } from "../../../src/checks/envelope/badmailfrom.ts";
import { schemaFor } from "../../../src/compose/settings.ts";
import { warningsOf } from "../../../src/compose/warnings.ts";
import { checkConfig } from "../../../src/config/load.ts";
import { asPrinted, atRecipient, Clock, mailbox, makeSession, RecordingLog, startCheck } from "../fixture.ts";

const usual = "E553 5.7.1 sorry, your envelope sender is in my badmailfrom list (#5.7.1)";

describe("badmailfrom", () => {
  let folder: string;
  let file: string;
  let log: RecordingLog;
  let clock: Clock;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-badmailfrom-"));
    file = join(folder, "badmailfrom");
    log = new RecordingLog();
    clock = new Clock();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What a sender is told at its first recipient. */
  function ask(check: ReturnType<typeof startCheck>, sender: string): string {
    const session = makeSession();
    session.begin(sender === "" ? undefined : mailbox(sender));
    expect(check.mail?.(session)).toEqual({ kind: "pass" });
    const verdict = check.rcpt?.(atRecipient(session));
    return verdict === undefined || verdict instanceof Promise ? "no answer" : asPrinted(verdict);
  }
  const start = (): ReturnType<typeof startCheck> => startCheck(badmailfrom, { file }, log, clock.now);

  it("reads an address with a reason behind it, and tells the client that reason", () => {
    writeFileSync(
      file,
      "Spammer@Bad.Test   We know you\n@worse.test\tno mail from there\nplain@bad.test\n@münchen.test\n@worse.test twice\n",
    );
    const check = start();
    expect(ask(check, "spammer@BAD.test")).toBe("E553 5.7.1 We know you");
    expect(ask(check, "x@worse.test")).toBe("E553 5.7.1 no mail from there");
    expect(ask(check, "plain@bad.test")).toMatch(usual.slice(-40));
    expect(ask(check, "x@xn--mnchen-3ya.test")).toMatch(usual.slice(-40));
    expect(ask(check, "prvs=0123456789=spammer@bad.test")).toBe("E553 5.7.1 We know you");
    expect(ask(check, "other@bad.test")).toBe("");
    expect(ask(check, "x@sub.worse.test")).toBe("");
    expect(ask(check, "")).toBe("");
    expect(log.lines).toEqual([]);
  });

  it("says once which entries can match nobody", () => {
    writeFileSync(file, "bad@x.test\nno-at-sign reason\n^.*@regexp\\.test$ no\n");
    const check = start();
    expect(ask(check, "bad@x.test")).toMatch(/^E553 /);
    clock.time += 1000;
    expect(ask(check, "good@x.test")).toBe("");
    const fault = (line: number) => `${file}:${line}: can never match: an entry is user@host or @host`;
    expect(log.lines).toEqual(
      [2, 3].map((line) => `badmailfrom: line left out ${JSON.stringify({ path: file, fault: fault(line) })}`),
    );
  });

  it("may refuse at MAIL", () => {
    writeFileSync(file, "bad@x.test go away\n");
    const check = startCheck(badmailfrom, { file, at: "mail" }, log, clock.now);
    const session = makeSession();
    session.begin(mailbox("BAD@x.test"));
    const verdict = check.mail?.(session);
    expect(verdict === undefined || verdict instanceof Promise ? "" : asPrinted(verdict)).toBe("E553 5.7.1 go away");
    expect(check.rcpt?.(atRecipient(session))).toEqual({ kind: "pass" });
  });

  it("reads patterns if asked to, and takes + and ! for parts of addresses if not", () => {
    writeFileSync(file, "^return.*@.*\\.pidplate\\.test$\tnot regardless of subdomain\nlist+x@y.test no\n");
    const patterns = startCheck(badmailfrom, { file, patterns: true }, log, clock.now);
    expect(ask(patterns, "Return-1@a.b.pidplate.test")).toBe("E553 5.7.1 not regardless of subdomain");
    expect(ask(patterns, "list+x@y.test")).toBe("");
    expect(ask(start(), "list+x@y.test")).toBe("E553 5.7.1 no");
  });

  it("refuses nobody while the file is gone, and warns once", () => {
    writeFileSync(file, "@bad.test\n");
    const check = start();
    expect(ask(check, "x@bad.test")).toMatch(/^E553 /);
    rmSync(file);
    for (let look = 0; look < 3; look++) {
      clock.time += 1000;
      expect(ask(check, "x@bad.test")).toBe("");
    }
    expect(log.lines).toEqual([
      `badmailfrom: list file is missing, nothing is refused by it ${JSON.stringify({ path: file, fault: "ENOENT" })}`,
    ]);
  });
});

describe("a list file of a check", () => {
  const text = '[checks.badmailfrom]\nfile = "lists/badmailfrom"\n[checks.verybadrcptto]\nfile = "lists/traps"\n';

  it("is relative to the configuration, and one warning each where it is missing", () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-lists-"));
    const config = join(folder, "goodmailto.toml");
    const load = () => {
      const loaded = checkConfig(text, config, schemaFor, ["relay", "sync"]);
      if (loaded.kind !== "ok") {
        throw new TypeError(JSON.stringify(loaded.faults));
      }
      return loaded;
    };
    const missing = (loaded: ReturnType<typeof load>): string[] =>
      warningsOf(loaded, ["relay"])
        .filter(({ key }) => key.startsWith("checks."))
        .map(({ line, key, message }) => `${line} ${key}: ${message}`);
    const loaded = load();
    const { badmailfrom: values } = loaded.settings.checks;
    expect((values as Readonly<Record<string, unknown>>)["file"]).toBe(join(folder, "lists/badmailfrom"));
    expect(missing(loaded)).toEqual([
      `2 checks.badmailfrom.file: "${folder}/lists/badmailfrom" is missing: it lists nothing until it is there`,
      `4 checks.verybadrcptto.file: "${folder}/lists/traps" is missing: it lists nothing until it is there`,
    ]);
    mkdirSync(join(folder, "lists"));
    writeFileSync(join(folder, "lists/badmailfrom"), "");
    writeFileSync(join(folder, "lists/traps"), "");
    expect(missing(load())).toEqual([]);
    rmSync(join(folder, "lists/traps"));
    mkdirSync(join(folder, "lists/traps"));
    const folderGiven = checkConfig(text, config, schemaFor, ["relay"]);
    expect(folderGiven).toMatchObject({ kind: "faults", faults: [{ key: "checks.verybadrcptto.file" }] });
    rmSync(folder, { recursive: true });
  });
});
