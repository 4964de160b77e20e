/** What mailinglist asks for, and what its lines may be; the conversation is test/dialogs/checks/mailinglist.dialog. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { mailinglist } from "../../../src/checks/recipient/mailinglist.ts";
import { createLists } from "../../../src/compose/lists.ts";
import { schemaFor } from "../../../src/compose/settings.ts";
import { checkConfig } from "../../../src/config/load.ts";
import { orderWarnings } from "../../../src/config/order-warnings.ts";
import { Pipeline } from "../../../src/hooks/pipeline.ts";
import type { Session } from "../../../src/hooks/session.ts";
import { createDomains } from "../../../src/mail/domains.ts";
import { noCounters } from "../../../src/report/counters.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf, stepOf } from "../../hooks/steps.ts";
import { mailbox, makeSession, RecordingLog } from "../fixture.ts";

describe("mailinglist", () => {
  let folder: string;
  let log: RecordingLog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-lists-"));
    log = new RecordingLog();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const start = (lines: string): Pipeline => {
    writeFileSync(join(folder, "mailinglist_simple"), lines);
    const lists = createLists([folder], "mailinglist", log, Date.now);
    const domains = createDomains(["ours.example"], { "alias.example": "ours.example" });
    const run = mailinglist.create(settingsOf(mailinglist), servicesFor({ lists, domains, log }));
    return new Pipeline([stepOf(mailinglist, run)], log, noCounters);
  };
  /** A recipient that aliases has expanded, and that is accepted unless refused. */
  const rcpt = async (pipeline: Pipeline, session: Session, to: string, members: readonly string[]) => {
    session.recipient = mailbox(to);
    const [first, ...rest] = members.map(mailbox);
    if (first !== undefined) {
      session.apply({ kind: "expand", mailboxes: [first, ...rest] });
    }
    const { verdict } = await pipeline.run("rcpt", session, "recipient");
    if (verdict.kind === "pass" && session.rcpt !== undefined) {
      session.transaction?.accepted.push(session.rcpt);
    }
    return verdict.kind === "refuse" ? verdict.reason : verdict.kind;
  };

  it("needs the messages of lists as a whole, and of others nothing", async () => {
    const pipeline = start("team@ours.example PUBLIC\n");
    const session = makeSession();
    session.begin(mailbox("a@far.test"));
    expect(await rcpt(pipeline, session, "vera@ours.example", [])).toBe("pass");
    expect(pipeline.demanding(session)).toEqual([]);
    session.begin(mailbox("a@far.test"));
    expect(await rcpt(pipeline, session, "team@ours.example", ["vera@ours.example"])).toBe("pass");
    expect(pipeline.demanding(session)).toHaveLength(1);
  });

  it("knows a member at an alias domain, and by a signed return path, and nobody by the domain alone", async () => {
    const pipeline = start("team@ours.example PROTECTED\n@ours.example PUBLIC\n");
    const ask = async (from: string) => {
      const session = makeSession();
      session.begin(mailbox(from));
      return rcpt(pipeline, session, "team@alias.example", ["Vera@ours.example", "otto@ours.example"]);
    };
    expect(await ask("vera@alias.example")).toBe("pass");
    expect(await ask("prvs=123=OTTO@ours.example")).toBe("pass");
    expect(await ask("max@ours.example")).toBe("stranger");
  });

  it("refuses for now where aliases leaves the list as it is", async () => {
    const pipeline = start("team@ours.example PROTECTED\n");
    const session = makeSession();
    session.begin(mailbox("vera@ours.example"));
    expect(await rcpt(pipeline, session, "team@ours.example", ["team@ours.example"])).toBe("memberless");
    expect(await rcpt(pipeline, session, "team@ours.example", [])).toBe("memberless");
  });

  it("leaves out lines that it cannot use, with their place", async () => {
    const pipeline = start(
      "team PUBLIC\nteam@ours.example\nteam@ours.example SECRET\nok@ours.example public sig nature\n",
    );
    const session = makeSession();
    session.begin(mailbox("a@far.test"));
    expect(await rcpt(pipeline, session, "team@ours.example", ["vera@ours.example"])).toBe("pass");
    expect(pipeline.demanding(session)).toEqual([]);
    const told = log.lines.filter((line) => line.includes("line left out"));
    expect(told).toHaveLength(3);
    expect(told[0]).toContain("mailinglist_simple:1: ");
  });

  it("is told of by config check where aliases is not in front of it", () => {
    const warned = (run: string): string[] => {
      const loaded = checkConfig(`[checks]\nrun = [${run}]\n`, join(folder, "c.toml"), schemaFor, ["relay"]);
      return loaded.kind === "ok" ? orderWarnings(loaded.settings).map(({ message }) => message) : ["faulty"];
    };
    const wanted = [
      '"mailinglist" needs "aliases" in front of it: the members of its lists are what their aliases lead to',
    ];
    expect(warned('"mailinglist", "aliases"')).toEqual(wanted);
    expect(warned('"mailinglist"')).toEqual(wanted);
    expect(warned('"aliases", "mailinglist"')).toEqual([]);
  });
});
