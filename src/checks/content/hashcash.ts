/** hashcash: adds a proof of work to messages of users, for recipients whose filters value it. hashcash(1). */
import { Worker } from "node:worker_threads";

import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import type { HeaderEdits, HeaderView, MessageSession } from "../../hooks/message.ts";
import { noteOf } from "../../hooks/notes.ts";
import { proofOfWork } from "../../hooks/proof-of-work.ts";
import { pass } from "../../hooks/verdict.ts";
import { errorMessage } from "../../report/error-message.ts";
import { Slots } from "../../wait/slots.ts";
import { unlessAborted } from "../../wait/within.ts";
import { canStamp, stampValue } from "./hashcash-stamp.ts";
import type { StampOrder } from "./hashcash-stamp.ts";

/** Stamps of one message that are looked at. */
const mostStamps = 20;
const told = "X-Hashcash-Valid";

/** Every listener makes its checks from the same settings; the bound on threads is for all of them together. */
const threads = new WeakMap<object, Slots>();

export const hashcash: CheckDefinition = defineCheck({
  name: "hashcash",
  doc: "Adds the field X-Hashcash, a proof of work for the recipient, to messages of authenticated clients that have exactly one recipient. The reply to DATA waits for it, one second of a processor on average with 20 bits; each further bit doubles that.",
  original:
    "qpsmtpd plugin hashcash, which ran the program hashcash with 26 bits. 20 bits, the time limit and `verify` are goodmailto's own choices.",
  failure: "A message whose stamp is not ready in max_time is sent without one.",
  stage: "policy",
  hooks: ["data", "header", "concluded"],
  needs: "edit",
  settings: {
    bits: field.integer(20, 1, 32, "Zero bits of a stamp. qpsmtpd: 26, which needs a max_time of minutes."),
    max_time: field.duration(
      "10s",
      "How long the reply to DATA may wait for a stamp. Clients should wait two minutes (RFC 5321 4.5.3.2.4).",
      ["10ms", "110s"],
    ),
    max_threads: field.integer(
      1,
      1,
      64,
      "Maximum number of stamps being made at the same time, each with a processor. Other messages wait for up to max_time.",
    ),
    verify: field.flag(
      false,
      "Check the X-Hashcash fields of every message too, and add X-Hashcash-Valid with the bits of the best stamp that is for one of the recipients and not older than 28 days. Existing fields of this name are removed. The check score can count it (stamp_bits). A stamp that is used twice is not noticed.",
    ),
  },
  reasons: {},
  create(chosen, { log, now }) {
    const { bits, max_time: maxTime, verify } = chosen;
    const slots = threads.get(chosen) ?? new Slots(chosen.max_threads);
    threads.set(chosen, slots);
    const minting = noteOf<AbortController>("transaction");
    const stampFor = async (session: CheckSession, resource: string) => {
      const over = new AbortController();
      minting.set(session, over);
      const signal = AbortSignal.any([over.signal, AbortSignal.timeout(maxTime)]);
      try {
        const stamp = await mintWithin(slots, { resource, bits, at: now() }, signal);
        session.apply({ kind: "header", line: `X-Hashcash: ${stamp}` });
      } catch (error) {
        log.warning("hashcash", "no stamp", { session: session.id, why: errorMessage(error) });
      }
      return pass;
    };
    return {
      needs: verify ? "edit" : "header",
      data(session) {
        const [only, ...more] = session.transaction?.accepted ?? [];
        const resource = only?.mailbox.raw ?? "";
        const isWanted = session.standing.user !== undefined && more.length === 0 && canStamp(resource);
        return isWanted ? stampFor(session, resource) : pass;
      },
      header(session, message) {
        if (verify) {
          mark(session, message, now());
        }
        return pass;
      },
      concluded(session) {
        minting.get(session)?.abort();
      },
    };
  },
});

/** @throws Late, or what the thread failed of */
async function mintWithin(slots: Slots, order: StampOrder, signal: AbortSignal): Promise<string> {
  const leave = await slots.take(signal);
  const worker = new Worker(new URL("./hashcash-thread.ts", import.meta.url), { workerData: order });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    worker.once("message", resolve).once("error", reject);
    return await unlessAborted(promise, signal, "not ready in max_time, or the client is gone");
  } finally {
    await worker.terminate();
    leave();
  }
}

function mark(session: MessageSession, message: HeaderView & HeaderEdits, now: number): void {
  const resources = new Set((session.transaction?.accepted ?? []).map(({ mailbox }) => mailbox.raw.toLowerCase()));
  const stamps = message.fields.values("X-Hashcash").slice(0, mostStamps);
  const best = Math.max(0, ...stamps.map((stamp) => stampValue(stamp, resources, now)));
  message.deleteReceivedHeader(told);
  if (best > 0) {
    proofOfWork.set(session, best);
    message.insertHeader(0, `${told}: ${best}`);
  }
}
