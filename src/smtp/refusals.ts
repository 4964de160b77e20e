/** Why a reply refuses, for counters and events: each has a reason, whoever decided. */
import type { Reply } from "../mail/reply.ts";
import { labelsBy } from "../report/counters.ts";
import type { Counters, Labels, LimitName } from "../report/counters.ts";
import type { Decision } from "../report/event.ts";
import { droppedReason, serverReasons } from "../report/refusal-reasons.ts";
import { serverName } from "./decision.ts";

/** The name under which a next hop's refusals are counted. */
export const hopName = "hop";

type ServerReason = (typeof serverReasons)[number] | LimitName;

/** The server's own replies by code and enhanced code. RFC 3463, RFC 5321 4.2.3. */
const byCode: ReadonlyMap<string, ServerReason> = new Map<string, ServerReason>([
  ["421 4.3.0", "internal error"],
  ["421 4.3.2", "closing"],
  ["421 4.4.2", "idle timeout"],
  ["421 4.5.2", "syntax"],
  ["421 4.7.0", "harvest"],
  ["451 4.3.0", "next hop unavailable"],
  ["451 4.3.5", "next hop unavailable"],
  ["451 4.4.1", "next hop unavailable"],
  ["451 4.4.2", "next hop unavailable"],
  ["451 4.4.6", "next hop unavailable"],
  ["451 4.6.7", "SMTPUTF8"],
  ["452 4.3.1", "no space"],
  ["452 4.5.3", "too many recipients"],
  ["454 4.7.0", "back end is unavailable"],
  ["500 5.5.2", "syntax"],
  ["501 5.1.3", "syntax"],
  ["501 5.1.7", "syntax"],
  ["501 5.5.2", "syntax"],
  ["501 5.5.4", "syntax"],
  ["501 5.7.0", "syntax"],
  ["502 5.5.1", "syntax"],
  ["503 5.5.1", "sequence"],
  ["504 5.5.4", "syntax"],
  ["535 5.7.8", "wrong password"],
  ["538 5.7.11", "encryption required"],
  ["550 5.6.0", "message format"],
  ["550 5.6.7", "SMTPUTF8"],
  ["550 5.7.0", "not allowed"],
  ["550 5.7.1", "relaying denied"],
  ["552 5.3.4", "message size"],
  ["553 5.6.7", "SMTPUTF8"],
  ["553 5.7.1", "sender not allowed"],
  ["554 5.5.1", "no recipients"],
  ["554 5.6.0", "message format"],
  ["555 5.5.4", "syntax"],
]);

/** Why the server itself refuses, where nobody has said so. @param reply undefined: none, the connection ends */
export function reasonOf(reply: Reply | undefined): string {
  if (reply === undefined) {
    return droppedReason;
  }
  const { wire, said } = reply;
  const reason = byCode.get(wire.slice(0, wire.indexOf(" ", 4))) ?? "other";
  // Of a courier: this recipient goes elsewhere.
  return said === 0 && reason === "too many recipients" ? "another route" : reason;
}

const byCheck = new Map<string, ReturnType<typeof labelsBy>>();

function labelsOf(check: string, reason: string): Labels {
  let labels = byCheck.get(check);
  if (labels === undefined) {
    labels = labelsBy("reason", { check });
    byCheck.set(check, labels);
  }
  return labels(reason);
}

/** The decision with a reason. */
export function reasoned(reply: Reply | undefined, by: Decision = { check: serverName }): Decision {
  return by.reason === undefined && reply?.hop === undefined ? { ...by, reason: reasonOf(reply) } : by;
}

/** Counts what refuses and is not counted yet. @param reply undefined: none, the connection ends */
export function countRefusal(counters: Counters, reply: Reply | undefined, by: Decision | undefined): void {
  const code = reply?.code ?? 500;
  if (code < 400 || by?.counted === true) {
    return;
  }
  if (reply?.hop !== undefined) {
    counters.add("refusals", labelsOf(hopName, code < 500 ? "deferred" : "refused"));
    return;
  }
  const { check, reason = reasonOf(reply) } = by ?? { check: serverName };
  counters.add("refusals", labelsOf(check, reason));
}
