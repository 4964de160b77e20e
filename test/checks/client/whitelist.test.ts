/** whitelist: whom it trusts, at which hook, and what then runs. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { whitelist } from "../../../src/checks/client/whitelist.ts";
import type { CheckRun } from "../../../src/hooks/check.ts";
import type { Session } from "../../../src/hooks/session.ts";
import { createLists } from "../../../src/compose/lists.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { asPrinted, atRecipient, mailbox, makeSession } from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

describe("whitelist", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());

  const none = { hosts: "", helo: "", senders: "", recipients: "" };
  const start = (values: Readonly<Record<string, unknown>>): CheckRun => {
    const { log, clock } = scene;
    const lists = createLists([], "whitelist", log, clock.now);
    return whitelist.create(settingsOf(whitelist, { ...none, ...values }), servicesFor({ log, lists, now: clock.now }));
  };
  const atConnection = async (check: CheckRun, ip: string, variables = {}): Promise<Session> => {
    const session = makeSession(variables, ip);
    await check.connection?.(session);
    return session;
  };
  const isTrusted = async (check: CheckRun, ip: string): Promise<boolean> =>
    (await atConnection(check, ip)).whitelisted;

  it("trusts clients by address, prefix, block and the beginning of an address, of both families", async () => {
    scene.write("192.0.2.7\n198.51.100.\n203.0.113.0/28\n10.1\n2001:db8:1:\n");
    const check = start({ hosts: scene.file });
    const trusted = ["192.0.2.7", "198.51.100.9", "203.0.113.15", "10.1.2.3", "10.100.0.1", "2001:db8:1::5"];
    expect(await Promise.all(trusted.map((ip) => isTrusted(check, ip)))).toEqual(trusted.map(() => true));
    const others = ["192.0.2.70", "203.0.113.16", "10.2.0.1", "2001:db8:2::5"];
    expect(await Promise.all(others.map((ip) => isTrusted(check, ip)))).toEqual(others.map(() => false));
    expect(scene.log.lines.join()).toContain("10.1");
  });

  it("trusts a client by variable, even an empty one, and nobody while lists are missing or empty", async () => {
    const check = start({ hosts: scene.file });
    expect((await atConnection(check, "192.0.2.7", { WHITELISTCLIENT: "" })).whitelisted).toBe(true);
    expect(await isTrusted(check, "192.0.2.7")).toBe(false);
    scene.write("");
    expect(await isTrusted(check, "192.0.2.7")).toBe(false);
  });

  it("follows a list that changes, and keeps the last good one while it cannot be read", async () => {
    const check = start({ hosts: scene.write("192.0.2.7\n").file });
    expect(await isTrusted(check, "192.0.2.7")).toBe(true);
    scene.write("192.0.2.8\nnonsense\n");
    expect(await isTrusted(check, "192.0.2.7")).toBe(false);
    expect(await isTrusted(check, "192.0.2.8")).toBe(true);
    expect(scene.log.lines.join()).toContain(`${scene.file}:2: can never match`);
    scene.write("$include list\n");
    expect(await isTrusted(check, "192.0.2.8")).toBe(true);
  });

  it("leaves out the other checks at HELO for a listed name, and trusts nobody for it", async () => {
    const check = start({ helo: scene.write("MX.friend.example\n").file });
    const session = makeSession({ SMTPHELOHOST: "mx.FRIEND.example" });
    expect(asPrinted((await check.helo?.(session)) ?? { kind: "drop" })).toBe("N");
    expect(session.whitelisted).toBe(false);
    expect(asPrinted((await check.helo?.(makeSession({ SMTPHELOHOST: "other" }))) ?? { kind: "drop" })).toBe("");
  });

  it("trusts senders by address and domain for one transaction, and never the null sender", async () => {
    const check = start({ senders: scene.write("a@b.example\nfriend.example\n@also.example\nuser@\n").file });
    const ask = async (from: string): Promise<string> => {
      const session = makeSession();
      session.begin(from === "" ? undefined : mailbox(from));
      const printed = asPrinted((await check.mail?.(session)) ?? { kind: "drop" });
      expect(session.whitelisted).toBe(printed === "N");
      session.begin(undefined);
      expect(session.whitelisted).toBe(false);
      return printed;
    };
    expect(await ask("A@B.example")).toBe("N");
    expect(await ask("x@friend.example")).toBe("N");
    expect(await ask("x@also.example")).toBe("N");
    expect(await ask("x@sub.friend.example")).toBe("");
    expect(await ask("user@any.example")).toBe("");
    expect(await ask("")).toBe("");
  });

  it("welcomes recipients, in mode_all also a user of any domain, and turns policy off there", async () => {
    scene.write("vera@ours.example\nall.example\npostmaster@\n");
    const soft = start({ recipients: scene.file });
    const rcpt = async (check: CheckRun, to: string, session = makeSession()): Promise<string> =>
      asPrinted((await check.rcpt?.(atRecipient(session, to))) ?? { kind: "drop" });
    expect(await rcpt(soft, "Vera@ours.example")).toBe("N");
    expect(await rcpt(soft, "x@all.example")).toBe("N");
    expect(await rcpt(soft, "postmaster@ours.example")).toBe("");
    const hard = start({ recipients: scene.file, mode_all: true });
    const session = makeSession();
    expect(await rcpt(hard, "postmaster@ours.example", session)).toBe("");
    expect(session.policyOff).toBe(true);
    session.begin(undefined);
    expect(session.policyOff).toBe(false);
  });

  it("forgets under TLS what a HELO name turned off before it", async () => {
    const check = start({ helo: scene.write("mx.friend.example\n").file, mode_all: true });
    const session = makeSession({ SMTPHELOHOST: "mx.friend.example" });
    const greeted = session.known();
    await check.helo?.(session);
    expect(session.policyOff).toBe(true);
    session.restore(greeted);
    expect(session.policyOff).toBe(false);
  });
});
