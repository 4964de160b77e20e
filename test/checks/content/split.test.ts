/** split: recipients who differ get messages of their own, and whoever was told 250 has the message. Row 64. */
import { describe, expect, it } from "vitest";

import { split } from "../../../src/checks/content/split.ts";
import type { CheckRun } from "../../../src/hooks/check.ts";
import { silentLog } from "../../../src/report/log.ts";
import { MemoryStore } from "../../../src/state/memory.ts";
import { State } from "../../../src/state/state.ts";
import type { Store } from "../../../src/state/store.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf } from "../../hooks/steps.ts";
import { asPrinted, mailbox, makeSession, messageOf } from "../fixture.ts";

const apart = "E450 4.5.3 Send this recipient in a message of its own";
const again = "E451 4.5.3 Recipients differ, send the message again in parts";
const denied = "E554 5.7.1 Message denied";

function start(store: Store = new MemoryStore()): CheckRun {
  const state = new State(store, silentLog, 10_000);
  return split.create(settingsOf(split, {}), servicesFor({ state }));
}

/** One message. @returns who was accepted, who was not, and the reply to the message */
async function send(check: CheckRun, recipients: readonly string[], spamFor: readonly string[], sender = "a@far.test") {
  const session = makeSession();
  const transaction = session.begin(sender === "" ? undefined : mailbox(sender));
  const [accepted, deferred]: [string[], string[]] = [[], []];
  for (const name of recipients) {
    session.recipient = mailbox(`${name}@kontor.example`);
    const verdict = (await check.rcpt?.(session)) ?? { kind: "drop" };
    if (verdict.kind === "pass" && session.rcpt !== undefined) {
      transaction.accepted.push(session.rcpt);
      accepted.push(name);
    } else {
      expect(asPrinted(verdict)).toBe(apart);
      deferred.push(name);
    }
  }
  await check.data?.(session);
  transaction.accepted
    .filter((recipient) => spamFor.some((name) => recipient.mailbox.raw.startsWith(`${name}@`)))
    .forEach((recipient) => transaction.results?.refuse(recipient.mailbox));
  const reply = asPrinted((await check.message?.(session, messageOf(""))) ?? { kind: "drop" });
  return { accepted, deferred, reply };
}

describe("split", () => {
  it("asks for parts once, then takes each part in a message of its own", async () => {
    const check = start();
    expect(await send(check, ["vera", "otto"], ["vera"])).toMatchObject({ reply: again });
    expect(await send(check, ["vera", "otto"], ["vera"])).toEqual({
      accepted: ["vera"],
      deferred: ["otto"],
      reply: denied,
    });
    expect(await send(check, ["otto"], ["vera"])).toEqual({ accepted: ["otto"], deferred: [], reply: "" });
  });

  it("separates the smaller part, whichever it is, and only for this sender", async () => {
    const check = start();
    await send(check, ["a", "b", "c"], ["a", "b"]);
    expect(await send(check, ["a", "c", "b"], ["a", "b"])).toMatchObject({ accepted: ["a", "b"], deferred: ["c"] });
    expect(await send(check, ["a", "c"], [], "other@far.test")).toMatchObject({ deferred: [], reply: "" });
    expect(await send(check, ["a", "c"], [], "A@FAR.test")).toMatchObject({ deferred: ["c"] });
  });

  it("refuses at once where all refuse, and passes where nobody does", async () => {
    const check = start();
    expect(await send(check, ["a", "b"], ["a", "b"])).toMatchObject({ deferred: [], reply: denied });
    expect(await send(check, ["a", "b"], [])).toMatchObject({ deferred: [], reply: "" });
    expect(await send(check, ["a"], ["a"], "")).toMatchObject({ reply: denied });
  });

  it("remembers in the state: another worker knows the sets", async () => {
    const store = new MemoryStore();
    await send(start(store), ["a", "b"], ["b"]);
    expect(await send(start(store), ["a", "b"], ["b"])).toMatchObject({ deferred: ["b"] });
  });

  it("asks the state once for a sender of whom it learned nothing, and for each recipient of another", async () => {
    const asked: string[] = [];
    const store = new MemoryStore();
    const get = store.get.bind(store);
    store.get = (table, key) => {
      asked.push(key);
      return get(table, key);
    };
    const check = start(store);
    await send(check, ["a", "b", "c"], []);
    expect(asked).toHaveLength(1);
    await send(check, ["a", "b", "c"], ["c"]);
    await send(check, ["a", "b", "c"], ["c"], "other@far.test");
    expect(asked).toHaveLength(3);
    expect(await send(check, ["a", "b", "c"], ["c"])).toMatchObject({ deferred: ["c"] });
    expect(asked).toHaveLength(7);
  });

  it("delivers to all, without the state, unless all refuse", async () => {
    const away = (): Promise<never> => Promise.reject(new Error("away"));
    const store = { kind: "away", get: away, put: away, add: away, swap: away, delete: away, scan: away };
    const check = start({ ...store, close: () => Promise.resolve() });
    expect(await send(check, ["a", "b"], ["b"])).toEqual({ accepted: ["a", "b"], deferred: [], reply: "" });
    expect(await send(check, ["a", "b"], ["a", "b"])).toMatchObject({ deferred: [], reply: denied });
  });

  it("leaves the verdict to the checks in mode observe", () => {
    const session = makeSession();
    session.begin(mailbox("a@far.test"));
    session.observing = true;
    session.apply({ kind: "each" });
    expect(session.transaction?.results).toBeUndefined();
  });
});
