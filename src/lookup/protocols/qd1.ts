/** qmail-deliverabled's HTTP, as `goodmailto deliverabled` serves it: for qpsmtpd's check_qmail_deliverable. */
import { octetsOf } from "../../mail/octets.ts";
import { codes, meaningOf } from "../../deliverable/codes.ts";
import { createDeliverableServer } from "../../deliverable/server.ts";
import { isOurs } from "../../smtp/relayable.ts";
import { after } from "../../smtp/session/outcome.ts";
import { errorMessage } from "../../report/error-message.ts";
import { within } from "../../wait/within.ts";
import { isReply, readBare } from "../address.ts";
import type { Asker } from "../protocol.ts";
import type { LookupServer, LookupServerOptions } from "../server.ts";
import { webLookupServer } from "../web-server.ts";
import type { LookupVerdict, VerdictKind } from "../verdict.ts";

/** Restricted recipients are "later", as `goodmailto deliverabled` has it: whoever asks does not tell who sends. */
const codeOf: Readonly<Record<VerdictKind, number>> = {
  known: codes.deliverable,
  "no-snapshot": codes.away,
  unknown: codes.undeliverable,
  refused: codes.undeliverable,
  restricted: codes.laterLast,
  later: codes.laterFirst,
  blocked: codes.laterFirst,
  foreign: codes.foreign,
};

function codeFor(address: string, asker: Asker): number | Promise<number> {
  const { service } = asker;
  const octets = octetsOf(address);
  const recipient = readBare(octets, service);
  if (isReply(recipient)) {
    // qpsmtpd takes whom we call foreign, if its domain is one of its own.
    return codeOf[asker.unread(octets, recipient).kind];
  }
  if (recipient.domain === "") {
    return codes.foreign;
  }
  return after(asker.ask({ recipient }), ({ kind }) =>
    kind === "no-snapshot" && service.recipients.isAlways(recipient) ? codes.deliverable : codeOf[kind],
  );
}

/** A domain that is not ours is left to the asker. */
function refusal({ kind }: LookupVerdict): string | undefined {
  const code = codeOf[kind];
  const meaning = meaningOf(code);
  return meaning === "undeliverable" || meaning === "later" ? String(code) : undefined;
}

async function inTime(code: Promise<number>, timeout: number, asker: Asker): Promise<number> {
  try {
    return await within(code, timeout, "no answer in time");
  } catch (error) {
    asker.fail(errorMessage(error));
    throw error;
  }
}

/** Serves it. */
export function qd1(options: LookupServerOptions): LookupServer {
  const { asker, log, limits } = options;
  const server = createDeliverableServer({
    answers: {
      deliverable: (address, ip) => {
        const now = asker(ip, refusal);
        const code = codeFor(address, now);
        return typeof code === "number" ? code : inTime(code, limits().timeout, now);
      },
      local: (address, ip) => {
        const { service } = asker(ip, refusal);
        const recipient = readBare(octetsOf(address), service);
        return isReply(recipient) || recipient.domain === "" || !isOurs(service, recipient)
          ? undefined
          : recipient.user;
      },
    },
    mayAsk: () => true,
    log,
  });
  return webLookupServer(server, options);
}
