/**
 * clamav: asks clamd whether a message holds a virus; qpsmtpd's clamdscan, which scans while the message streams, and
 * with `action` = header its clamav, which marks messages.
 */
import * as field from "../../config/fields.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { BodyView, HeaderEdits } from "../../hooks/message.ts";
import type { Clean, Found, NoAnswer } from "../../hooks/scanner.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { reply } from "../../mail/reply.ts";
import { clamd, clamdVersion } from "../../scanners/clamd.ts";
import { isNoAnswer } from "../../scanners/scanners.ts";
import { placeRule, readPlace } from "../../scanners/service-connection.ts";
import type { ServicePlace } from "../../scanners/service-connection.ts";
import { wantedBy } from "./fields.ts";
import { onErrorField, shortName, withoutAnswer } from "./no-answer.ts";

/** How long to cache clamd's version; ms. */
const versionLife = 600_000;
const fields = ["X-Virus-Found", "X-Virus-Details", "X-Virus-Checked"];

export const clamav: CheckDefinition = defineCheck({
  name: "clamav",
  doc: "Refuses messages in which clamd finds a virus, or marks them. Messages of relay clients and logged-in users are scanned too.",
  original:
    "qpsmtpd plugins clamdscan, which deferred mail while clamd did not answer and scanned only multipart messages, and clamav, which added headers.",
  failure:
    "If clamd does not answer or cannot scan, on_error applies; after too many consecutive failures it is not asked for ten seconds.",
  stage: "policy",
  hooks: ["message"],
  needs: "whole",
  settings: {
    socket: field.textBy(
      placeRule,
      "/run/clamav/clamd.ctl",
      "Socket of clamd: its LocalSocket, or host:port of its TCPSocket. The default path is Debian's; the relay's user needs access to it.",
    ),
    action: field.choice(
      ["reject", "header"],
      "reject",
      "reject: refuse infected messages. Messages are streamed while clamd reads them, and the next hop gets the end after the answer. header: spool messages, accept them in any case and add X-Virus-Found and X-Virus-Details, or X-Virus-Checked; existing fields of these names are removed.",
    ),
    max_size: field.size(
      "25MB",
      "Larger messages are accepted unscanned. Must not exceed StreamMaxLength of clamd.conf; otherwise clamd reports that the limit is exceeded, and on_error applies.",
      "1B",
    ),
    multipart_only: field.flag(
      false,
      "Scan only messages whose Content-Type is multipart, as qpsmtpd's clamdscan did.",
    ),
    on_error: onErrorField("pass"),
    timeout: field.duration(
      "30s",
      "Timeout for the answer after the end of the message, and for each pause of clamd in reading it.",
      ["10ms", "5m"],
    ),
  },
  reasons: { virus: "virus found", unavailable: "virus scanner unavailable" },
  create({ socket, action, max_size: maxSize, multipart_only: multipartOnly, on_error: onError, timeout }, services) {
    const { hostname, now } = services;
    const place = readPlace(socket);
    const scanner = services.scanner.open(clamd(place), { maxSize, timeout });
    const isWanted = wantedBy(multipartOnly);
    const version = createVersion(place, timeout, now);
    const unscanned = (answer: NoAnswer) => withoutAnswer(answer, onError, "Unable to scan for viruses");
    return {
      needs: action === "reject" ? "tap" : "whole",
      tap(_session, message: BodyView) {
        if (!isWanted(message)) {
          return undefined;
        }
        const scan = scanner.begin();
        return {
          take: (content) => scan.take(content),
          end: async () => {
            const answer = await scan.end(message.signal);
            return isNoAnswer(answer) ? unscanned(answer) : verdictOn(answer);
          },
          abandon: () => scan.abandon(),
        };
      },
      async message(_session, message) {
        fields.forEach((name) => message.deleteReceivedHeader(name));
        if (!isWanted(message)) {
          return pass;
        }
        const answer = await scanner.scan(message.content(), message.signal);
        if (isNoAnswer(answer)) {
          return unscanned(answer);
        }
        mark(message, answer, answer.kind === "clean" ? `by ${await version()} on ${hostname}` : "");
        return pass;
      },
    };
  },
});

function verdictOn(answer: Clean | Found) {
  return answer.kind === "clean"
    ? pass
    : refuse("virus", reply(554, "5.7.1", `Virus found: ${shortName(answer.name)}`));
}

function mark(message: HeaderEdits, answer: Clean | Found, checked: string): void {
  if (answer.kind === "clean") {
    message.insertHeader(0, `X-Virus-Checked: ${checked}`);
    return;
  }
  message.insertHeader(0, `X-Virus-Details: ${shortName(answer.name)}`);
  message.insertHeader(0, "X-Virus-Found: Yes");
}

/** "ClamAV 1.4.6", asked once in ten minutes. */
function createVersion(place: ServicePlace, timeout: number, now: () => number): () => Promise<string> {
  let known: { readonly text: Promise<string | undefined>; readonly at: number } | undefined;
  return async function version() {
    if (known === undefined || Math.abs(now() - known.at) > versionLife) {
      known = { text: clamdVersion(place, timeout), at: now() };
    }
    const text = await known.text;
    return text === undefined ? "ClamAV" : `ClamAV ${text}`;
  };
}
