/** The log's line of an event: `event: refused stage=mail …`. docs/record.md names the words. */
import type { MailEvent } from "../report/event.ts";
import type { LogFields } from "../report/log.ts";
import { eventText } from "./log.ts";

/** A line names so many recipients; the journal has all. */
const mostNamed = 50;

/** Its fields, in the order of the line; what is not known is left out. */
export function eventFields(event: MailEvent): LogFields {
  const { recipients } = event;
  return {
    stage: event.stage,
    session: known(event.session),
    ref: known(event.ref),
    listener: event.listener,
    protocol: event.protocol,
    asker: event.asker,
    ip: known(event.ip),
    host: known(event.host),
    helo: known(event.helo),
    tls: event.tls,
    user: event.user,
    from: event.sender === "" ? "<>" : event.sender,
    to: known(recipients.slice(0, mostNamed).join(" ")),
    recipients: recipients.length > 1 ? recipients.length : undefined,
    asked: event.asked,
    code: event.code,
    reply: event.reply,
    by: event.by,
    reason: event.reason,
    hop: event.hop,
    said: event.said,
    queue: event.queue,
    message_id: event.messageId,
    bytes: event.bytes,
    receive_ms: event.receiveMs,
    ms: event.ms,
  };
}

function known(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** As in the log, behind its time. */
export function printEvent(event: MailEvent): string {
  return `${new Date(event.at).toISOString()} ${eventText("event", event.kind, eventFields(event))}\n`;
}
