/** qmail-deliverabled's HTTP, as `goodmailto deliverabled` serves it: for qpsmtpd's check_qmail_deliverable. */
import { codes } from "../../deliverable/codes.ts";
import { createDeliverableServer } from "../../deliverable/server.ts";
import { isOurs } from "../../smtp/relayable.ts";
import { after } from "../../smtp/session/outcome.ts";
import { within } from "../../wait/within.ts";
import { isReply, octetsOf, readBare, unreadable } from "../address.ts";
import type { Asker } from "../protocol.ts";
import type { LookupServer, LookupServerOptions } from "../server.ts";
import { webLookupServer } from "../web-server.ts";
import type { VerdictKind } from "../verdict.ts";

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

function codeFor(address: string, { service, ask }: Asker): number | Promise<number> {
  const octets = octetsOf(address);
  const recipient = readBare(octets, service);
  if (isReply(recipient)) {
    // qpsmtpd takes whom we call foreign, if its domain is one of its own.
    return codeOf[unreadable(octets, recipient, service).kind];
  }
  if (recipient.domain === "") {
    return codes.foreign;
  }
  return after(ask({ recipient }), ({ kind }) =>
    kind === "no-snapshot" && service.recipients.isAlways(recipient) ? codes.deliverable : codeOf[kind],
  );
}

/** Serves it. */
export function qd1(options: LookupServerOptions): LookupServer {
  const { asker, log, limits } = options;
  const server = createDeliverableServer({
    answers: {
      deliverable: (address) => {
        const code = codeFor(address, asker());
        return typeof code === "number" ? code : within(code, limits().timeout, "no answer in time");
      },
      local: (address) => {
        const { service } = asker();
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
