/** The mail of an alert: sent by the relay's own way to the next hop, without a queue. RFC 5322, 3834. */
import type { AlertEvent } from "../remember/incident.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import type { Log } from "../../src/report/log.ts";
import { createPost } from "../../src/mail/notice.ts";
import type { Courier } from "../../src/mail/courier.ts";
import type { AlertFacts } from "./facts.ts";

const subjects: Readonly<Record<AlertEvent, string>> = {
  "sync-failing": "the directory sync keeps failing",
  "snapshot-old": "the list of recipients is too old",
  "taken-back": "a list of recipients was taken back",
  recovered: "the directory sync works again",
};

/** Opens the way to the next hop under this name. */
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
  try {
    return await createPost(
      courier,
      host,
      "alert",
    )({
      recipient: mailbox,
      from: `goodmailto <goodmailto@${host}>`,
      subject: `goodmailto on ${host}: ${subjects[event]}`,
      headers: ["Auto-Submitted: auto-generated"],
      lines: linesOf(event, facts),
    });
  } finally {
    courier.close();
  }
}

/** In ASCII, as every mail program shows it. */
function linesOf(event: AlertEvent, facts: AlertFacts): string[] {
  const lines = [
    `${subjects[event]}.`,
    event === "recovered"
      ? "The list of recipients is renewed again."
      : event === "taken-back"
        ? "Relays that tried the new list refused recipients who got mail this week. The list before it is in use again, and no sync replaces it until `goodmailto rollback --release`."
        : "The previous snapshot stays in use: no mail is lost, but new users are refused and departed users are still accepted.",
    "",
    ...Object.entries(facts).flatMap(([name, value]) =>
      fold(`${name.slice("GOODMAILTO_".length).toLowerCase()}: ${value}`),
    ),
    "",
    "Look with: goodmailto status, goodmailto sync --dry-run",
  ];
  return lines.map((line) => line.replaceAll(/[^\x20-\x7e]/g, "?"));
}

/** RFC 5322 2.1.1: a line has 998 characters at most, and better 78. */
function fold(text: string): string[] {
  const parts = text.match(/.{1,76}(?:\s|$)|.{1,76}/gs) ?? [];
  return parts.map((part, i) => (i === 0 ? part.trimEnd() : `  ${part.trimEnd()}`));
}
