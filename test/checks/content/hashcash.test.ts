/** hashcash: stamps that Debian's hashcash accepts, and what it accepts of others. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";

import { describe, expect, it } from "vitest";

import { mintStamp, stampValue, zeroBits } from "../../../src/checks/content/hashcash-stamp.ts";
import { score } from "../../../src/checks/client/score.ts";
import { hashcash } from "../../../src/checks/content/hashcash.ts";
import type { Session } from "../../../src/hooks/session.ts";
import type { Step } from "../../../src/hooks/step.ts";
import { missing } from "../../fakes/need.ts";
import { Clock, mailbox, makeSession, messageOf, RecordingLog, startCheck } from "../fixture.ts";

const to = "vera@kontor.example";
const user = { SMTPAUTHUSER: "otto" };

/** A session whose recipients were accepted. */
function withRecipients(addresses: readonly string[], variables: Readonly<Record<string, string>> = user): Session {
  const session = makeSession(variables);
  session.begin(mailbox("otto@kontor.example"));
  session.transaction?.accepted.push(...addresses.map((address) => ({ mailbox: mailbox(address) })));
  return session;
}

/** Exit status 0: the program finds the stamp good. */
function program(stamp: string, bits: number, resource: string): boolean {
  try {
    execFileSync("hashcash", ["-cyq", `-b${bits}`, "-r", resource, stamp]);
    return true;
  } catch {
    return false;
  }
}

describe("hashcash", () => {
  it("adds a stamp whose SHA-1 begins with the bits, to a message of a user with one recipient", async () => {
    const session = withRecipients([to]);
    expect(await startCheck(hashcash, { bits: 12, max_time: "60s" }).data?.(session)).toEqual({ kind: "pass" });
    const [line = "", ...more] = session.headers;
    expect(more).toEqual([]);
    expect(line).toMatch(/^X-Hashcash: 1:12:\d{6}:vera@kontor\.example::[A-Za-z0-9+/]{16}:[0-9a-f]+$/);
    const digest = createHash("sha1").update(line.replace("X-Hashcash: ", "")).digest("hex");
    expect(digest.startsWith("000")).toBe(true);
  });

  it("adds none for strangers, relay clients, and for two recipients", async () => {
    const check = startCheck(hashcash, { bits: 1 });
    for (const session of [
      withRecipients([to], {}),
      withRecipients([to], { RELAYCLIENT: "" }),
      withRecipients([to, "otto@kontor.example"]),
      withRecipients(['"a:b"@kontor.example']),
      withRecipients([]),
    ]) {
      expect(check.data?.(session)).toEqual({ kind: "pass" });
      expect(session.headers).toEqual([]);
    }
  });

  it("gives up in time, also where others take the processor, and says so", async () => {
    const log = new RecordingLog();
    const check = startCheck(hashcash, { bits: 32, max_time: "200ms" }, log);
    const [one, other] = [withRecipients([to]), withRecipients([to])];
    const begun = performance.now();
    await Promise.all([check.data?.(one), check.data?.(other)]);
    expect(performance.now() - begun).toBeLessThan(5000);
    expect([...one.headers, ...other.headers]).toEqual([]);
    expect(log.lines.filter((line) => line.startsWith("hashcash: no stamp"))).toHaveLength(2);
  });

  it("ends when the transaction does", async () => {
    const check = startCheck(hashcash, { bits: 32, max_time: "110s" });
    const session = withRecipients([to]);
    const answer = check.data?.(session);
    check.concluded?.(session, "not delivered");
    expect(await answer).toEqual({ kind: "pass" });
    expect(session.headers).toEqual([]);
  });

  it.skipIf(missing("hashcash"))("agrees with the program, both ways", () => {
    for (const resource of [to, "O'Hara+x@kontor.example"]) {
      const stamp = mintStamp({ resource, bits: 10, at: Date.now() });
      expect(program(stamp, 10, resource)).toBe(true);
      expect(program(stamp, zeroBits(stamp) + 1, resource)).toBe(false);
      const theirs = execFileSync("hashcash", ["-mqub10", resource], { encoding: "utf8" }).trim();
      expect(stampValue(theirs, new Set([resource.toLowerCase()]), Date.now())).toBe(10);
    }
  });
});

describe("hashcash with verify", () => {
  const now = Date.UTC(2026, 10, 28);
  const day = 86_400_000;
  const stamp = mintStamp({ resource: to, bits: 8, at: now });

  /** The changes of the header section. */
  async function changesOf(header: string, addresses: readonly string[] = [to]): Promise<string[]> {
    const clock = new Clock();
    clock.time = now;
    const changes: string[] = [];
    const message = {
      ...messageOf(header),
      deleteReceivedHeader: (name: string) => void changes.push(`- ${name}`),
      insertHeader: (at: number, line: string) => void changes.push(`+ ${at} ${line}`),
    };
    const check = startCheck(hashcash, { verify: true }, new RecordingLog(), clock.now);
    await check.header?.(withRecipients(addresses, {}), message);
    return changes;
  }

  it("tells of the best stamp for one of the recipients, and removes what the sender says", async () => {
    const forged = "X-Hashcash-Valid: 60\r\n";
    expect(await changesOf(forged)).toEqual(["- X-Hashcash-Valid"]);
    const good = ["- X-Hashcash-Valid", "+ 0 X-Hashcash-Valid: 8"];
    expect(await changesOf(`X-Hashcash: ${stamp}\r\n`, ["otto@kontor.example", "VERA@kontor.example"])).toEqual(good);
    expect(await changesOf(`X-Hashcash: 1:x\r\nX-Hashcash: ${stamp.replace("::", "::\r\n ")}\r\n`)).toEqual(good);
    expect(await changesOf(`X-Hashcash: ${stamp}\r\n`, ["otto@kontor.example"])).toEqual(good.slice(0, 1));
  });

  it("leaves a note for score, which lets a message with enough bits pass at its end, and no sooner", async () => {
    const clock = new Clock();
    clock.time = now;
    const verdicts = async (field: string, settings: Readonly<Record<string, number>>): Promise<unknown[]> => {
      const session = withRecipients([to], {});
      const [hash, judge] = [
        startCheck(hashcash, { verify: true }, new RecordingLog(), clock.now),
        startCheck(score, { refuse_at: 1, ...settings }),
      ];
      session.suspicion.score({ label: "other", points: 1 } as Step, "any", "message");
      const message = messageOf(field);
      await hash.header?.(session, message);
      return [await judge.data?.(session), await judge.message?.(session, message)].map(
        (verdict) => (verdict as { kind?: string } | undefined)?.kind,
      );
    };
    const field = `X-Hashcash: ${stamp}\r\n`;
    expect(await verdicts(field, { stamp_bits: 8 })).toEqual(["refuse", "pass"]);
    expect(await verdicts(field, { stamp_bits: 9 })).toEqual(["refuse", "refuse"]);
    expect(await verdicts(field, {})).toEqual(["refuse", "refuse"]);
    expect(await verdicts(field.replace(":vera", ":otto"), { stamp_bits: 1 })).toEqual(["refuse", "refuse"]);
  });

  it("takes no stamp that is old, of the future, claims more than it has, or is none", () => {
    const value = (text: string, at = now): number => stampValue(text, new Set([to]), at);
    expect(value(stamp)).toBe(8);
    expect(value(stamp, now + 29 * day)).toBe(8);
    expect(value(stamp, now + 31 * day)).toBe(0);
    expect(value(stamp, now - 3 * day)).toBe(0);
    expect(value(stamp.replace("1:8:", "1:60:"))).toBe(0);
    for (const text of ["", "1", "0:261128:x:y", `${stamp}:x`, `${stamp}\0`, `1:8:${"9".repeat(1000)}`]) {
      expect(value(text), text).toBe(0);
    }
  });

  it("needs the header section only then", () => {
    expect(startCheck(hashcash, {}).needs).toBe("header");
    expect(startCheck(hashcash, { verify: true }).needs).toBe("edit");
  });
});
