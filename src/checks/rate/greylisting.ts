/**
 * greylisting: the first attempt of an unknown client is deferred, since programs that only send spam rarely try again.
 * RFC 6647; qpsmtpd's greylisting (denysoft_greylist), by its documentation: Debian's 0.94-5 never defers anybody.
 */
import type * as z from "zod";

import * as field from "../../config/fields.ts";
import { createHostNames } from "../../dns/host-names.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import { noteOf } from "../../hooks/notes.ts";
import type { Services } from "../../hooks/services.ts";
import { recipientOptions } from "../../hooks/recipient-options.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Answer } from "../../hooks/verdict.ts";
import { addressHash } from "../../mail/address-hash.ts";
import { clientBlock } from "../../mail/client-network.ts";
import { reply } from "../../mail/reply.ts";
import { after } from "../../state/store.ts";
import type { Later } from "../../state/store.ts";
import { ClientExclusions } from "./client-exclusions.ts";
import { GreyList, refreshAfter } from "./grey-list.ts";
import type { GreyDecision, GreyRow } from "./grey-list.ts";

/** Keys that are remembered, some 50 MB in memory; the one that was used longest ago is forgotten first. */
const mostKeys = 200_000;

const text = "This mail is temporarily denied";
const early = refuse("greylisted", reply(450, "4.7.1", text));
const late = refuse("greylisted", reply(451, "4.7.1", text));

const times = {
  black: field.duration("50m", "How long a new client is deferred from its first attempt on.", ["0s", "7d"]),
  grey: field.duration(
    "3h20m",
    "How long after its first attempt a client may try again. A later attempt counts as a first one.",
    ["1s", "30d"],
  ),
  white: field.duration("36d", "How long a client stays known after its last accepted attempt.", ["1s", "400d"]),
};

const settings = {
  remote_ip: field.flag(true, "Whether the client's address is part of the record."),
  network: field.integer(
    24,
    8,
    32,
    "Number of leading bits of an IPv4 address that count, because large senders retry from other addresses. 32: the complete address, as in qpsmtpd. Of an IPv6 address the first 64 bits count.",
  ),
  sender: field.flag(false, "Whether the sender is part of the record."),
  recipient: field.flag(
    false,
    "Whether the recipient is part of the record. If so, clients are deferred at RCPT instead of MAIL, and the null sender at DATA, so that address verification by other servers gets a reply.",
  ),
  ...times,
  deny_late: field.flag(
    false,
    "Defer at DATA instead, unless this check was skipped for every accepted recipient (by the check whitelist, for example).",
  ),
  exclude: field.listFile(
    "Clients that are not deferred: one address, prefix (192.0.2.), block (192.0.2.0/24), host name or /pattern/ of host names per line. Host names are looked up in DNS and must lead back to the address.",
  ),
};

/** Under what an attempt is remembered. */
function keyOf(
  { client, transaction, recipient }: CheckSession,
  parts: { remote_ip: boolean; network: number; sender: boolean; recipient: boolean },
): string {
  return [
    ...(parts.remote_ip ? [clientBlock(client.ip, parts.network)] : []),
    ...(parts.sender ? [`from ${addressHash(transaction?.sender)}`] : []),
    ...(parts.recipient ? [`to ${addressHash(recipient)}`] : []),
  ].join(" ");
}

export const greylisting: CheckDefinition = defineCheck({
  name: "greylisting",
  doc: 'Defers an unknown client with 450 at MAIL until it tries again after a while, and then accepts it for weeks. Put it after goodmailto, so that unknown recipients still get 550 with `recipient`. Its data is in [state]; in memory it is lost at a restart. A recipient with the option greylisting=off in the alias file is never deferred at RCPT and DATA, if the check aliases runs first. mode = "observe" records and logs, but defers nobody (qpsmtpd\'s testonly).',
  original: "qpsmtpd 0.94 plugin greylisting (0.40: denysoft_greylist); `network` is goodmailto's own choice.",
  failure: "While the state is unavailable, nobody is deferred. An empty or missing list exempts nobody.",
  stage: "recipient",
  hooks: ["mail", "rcpt", "data"],
  remembers: true,
  unless: immune,
  settings,
  reasons: { greylisted: "greylisted" },
  faults({ remote_ip: byIp, sender, recipient, black, grey, white }) {
    return [
      ...(byIp || sender || recipient
        ? []
        : [
            {
              key: "remote_ip",
              message: "needs to be true if sender and recipient are false: nothing would be remembered",
            },
          ]),
      ...(grey > black
        ? []
        : [{ key: "grey", message: "needs to be longer than black: otherwise no client would ever be accepted" }]),
      ...(white > grey
        ? []
        : [
            {
              key: "white",
              message: "needs to be longer than grey: otherwise a known client would be forgotten first",
            },
          ]),
    ];
  },
  create(chosen, { state, lists, dns, log, now }) {
    const defers = createAttempts(chosen, { state, lists, dns, log, now });
    /** Deferred at MAIL, refused at DATA. */
    const isDeferred = noteOf<true>("transaction");
    /** A recipient for which DATA is to be refused. */
    const isHeld = noteOf<true>("recipient");
    return {
      mail(session): Answer<"greylisted", never> {
        if (chosen.recipient) {
          return pass;
        }
        return after(defers(session), (isDefer) => {
          if (!isDefer || !chosen.deny_late) {
            return isDefer ? early : pass;
          }
          isDeferred.set(session, true);
          return pass;
        });
      },
      rcpt(session): Answer<"greylisted", never> {
        if (recipientOptions.get(session)?.get("greylisting") === "off") {
          return pass;
        }
        if (!chosen.recipient) {
          if (isDeferred.get(session) === true) {
            isHeld.set(session, true);
          }
          return pass;
        }
        return after(defers(session), (isDefer) => {
          const waits = chosen.deny_late || session.transaction?.sender === undefined;
          if (!isDefer || !waits) {
            return isDefer ? early : pass;
          }
          isHeld.set(session, true);
          return pass;
        });
      },
      data(session) {
        const accepted = session.transaction?.accepted ?? [];
        return accepted.some((recipient) => isHeld.get(session, recipient) === true) ? late : pass;
      },
    };
  },
});

type Chosen = z.infer<z.ZodObject<typeof settings>>;

/** Says whether an attempt of a client is deferred. A session whose client is known asks the state once in a while. */
function createAttempts(
  chosen: Chosen,
  { state, lists, dns, log, now }: Pick<Services, "state" | "lists" | "dns" | "log" | "now">,
): (session: CheckSession) => Later<boolean> {
  const { black, grey, white } = chosen;
  const table = state.table<GreyRow>("greylisting", { ttl: white, most: mostKeys });
  const greyList = new GreyList(table, { black, grey, white }, now);
  const excluded = lists.list(chosen.exclude, ClientExclusions.read);
  const names = createHostNames(dns);
  const isByClient = !chosen.sender && !chosen.recipient;
  const knownFor = refreshAfter({ black, grey, white });
  const knownUntil = noteOf<number>("session");
  const attempts = (session: CheckSession): Later<boolean> => {
    const key = keyOf(session, chosen);
    return after(greyList.attempt(key), (decision) => {
      logDecision(decision, { session: session.id, key }, black, { log, now });
      if (isByClient && decision?.kind === "accept") {
        knownUntil.set(session, now() + knownFor);
      }
      return decision?.kind === "defer";
    });
  };
  return (session) =>
    isByClient && now() < (knownUntil.get(session) ?? 0)
      ? false
      : after(excluded.current().has(session.client, names.find), (isFree) => !isFree && attempts(session));
}

/** @param black ms */
function logDecision(
  decision: GreyDecision | undefined,
  facts: { readonly session: string; readonly key: string },
  black: number,
  { log, now }: Pick<Services, "log" | "now">,
): void {
  if (decision?.kind === "defer") {
    const { at, deferred: attempts } = decision.row;
    const seconds = Math.ceil((at + black - now()) / 1000);
    log.info("greylisting", "deferred", { ...facts, attempts, seconds });
  } else if (decision?.isChanged === true && decision.row.accepted === 1) {
    log.info("greylisting", "accepted from now on", { ...facts, attempts: decision.row.deferred + 1 });
  }
}
