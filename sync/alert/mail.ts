/**
 * The mail of an alert: written here, sent by the relay's own way to the next hop, with no queue of ours. RFC 5322,
 * 3834.
 */
import { randomUUID } from "node:crypto";

import type { AlertEvent } from "../remember/incident.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import type { Log } from "../../src/report/log.ts";
import { replyText } from "../../src/mail/reply.ts";
import type { Reply } from "../../src/mail/reply.ts";
import type { Courier } from "../../src/mail/courier.ts";
import type { AlertFacts } from "./facts.ts";

const subjects: Readonly<Record<AlertEvent, string>> = {
  "sync-failing": "the directory sync keeps failing",
  "snapshot-old": "the list of recipients is too old",
  recovered: "the directory sync works again",
};

/** Opens the way to the next hop under this name of ours. */
export type OpenCourier = (hostname: string) => Courier & { close(): void };

/** Whether the next hop took the mail. Rejects never. */
export async function mailAlert(
  recipient: string,
  event: AlertEvent,
  facts: AlertFacts,
  log: Log,
  openCourier: OpenCourier,
): Promise<boolean> {
  const mailbox = parseMailbox(recipient);
  const why = mailbox === undefined ? "no address" : await send(mailbox, event, facts, openCourier);
  if (why !== undefined) {
    log.error("alert", "mail not sent", { recipient, why });
  }
  return why === undefined;
}

/** Sends it; why it was not taken. */
async function send(
  mailbox: Mailbox,
  event: AlertEvent,
  facts: AlertFacts,
  openCourier: OpenCourier,
): Promise<string | undefined> {
  const host = facts["GOODMAILTO_HOST"] ?? "localhost";
  const courier = openCourier(host);
  // The null sender: no one should reply to a machine, least of all another machine.
  const delivery = courier.begin(
    { sender: undefined, eightBit: false, size: 0 },
    { session: "alert", ip: "127.0.0.1" },
  );
  const refused = (answer: Reply, wanted: number): boolean => Math.floor(answer.code / 10) !== Math.floor(wanted / 10);
  try {
    const rcpt = await delivery.recipient(mailbox);
    if (refused(rcpt, 250)) {
      return replyText(rcpt);
    }
    const go = await delivery.data();
    if (refused(go, 354)) {
      return replyText(go);
    }
    if (!delivery.write(Buffer.from(compose(mailbox, event, facts, host), "latin1"))) {
      await delivery.drained();
    }
    const done = await delivery.finish();
    return refused(done, 250) ? replyText(done) : undefined;
  } finally {
    delivery.abandon();
    courier.close();
  }
}

/** The message in wire form: ASCII, CRLF, dots stuffed. */
function compose(mailbox: Mailbox, event: AlertEvent, facts: AlertFacts, host: string): string {
  const lines = [
    `From: goodmailto <goodmailto@${host}>`,
    `To: <${mailbox.raw}>`,
    `Subject: goodmailto on ${host}: ${subjects[event]}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomUUID()}@${host}>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=us-ascii",
    "",
    `${subjects[event]}.`,
    event === "recovered"
      ? "The list of recipients is renewed again."
      : "The previous snapshot stays in use: no mail is lost, but new users are refused and departed users are still accepted.",
    "",
    ...Object.entries(facts).flatMap(([name, value]) =>
      fold(`${name.slice("GOODMAILTO_".length).toLowerCase()}: ${value}`),
    ),
    "",
    "Look with: goodmailto status, goodmailto sync --dry-run",
  ];
  return lines.map((line) => `${line.startsWith(".") ? "." : ""}${line.replace(/[^\x20-\x7e]/g, "?")}\r\n`).join("");
}

/** RFC 5322 2.1.1: a line has 998 characters at most, and better 78. */
function fold(text: string): string[] {
  const parts = text.match(/.{1,76}(?:\s|$)|.{1,76}/gs) ?? [];
  return parts.map((part, i) => (i === 0 ? part.trimEnd() : `  ${part.trimEnd()}`));
}
