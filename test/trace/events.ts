/** Events for the tests of the journal. */
import { withoutMessage } from "../../src/report/event.ts";
import type { MailEvent } from "../../src/report/event.ts";

/** A refused recipient, or what is said otherwise. */
export function eventOf(more: Partial<MailEvent> = {}): MailEvent {
  return {
    at: Date.UTC(2026, 10, 28, 12),
    kind: "refused",
    stage: "rcpt",
    session: "0123456789abcdef",
    ref: "0123456789abcdef-1",
    listener: "smtp",
    ip: "192.0.2.7",
    host: "client.example",
    helo: "client.example",
    tls: "TLSv1.3",
    user: undefined,
    sender: "s@sender.example",
    recipients: ["Nobody@kontor.example"],
    asked: undefined,
    code: 550,
    reply: "550 5.1.1 No such user here",
    by: "goodmailto",
    reason: "unknown",
    ...withoutMessage,
    ms: 0.3,
    ...more,
  };
}

/** A delivered message. */
export function deliveryOf(more: Partial<MailEvent> = {}): MailEvent {
  return eventOf({
    kind: "delivered",
    stage: "message",
    recipients: ["vera@kontor.example", "max@kontor.example"],
    code: 250,
    reply: "250 2.0.0 Ok: queued as 4ABC",
    by: "hop",
    reason: undefined,
    hop: "inside.example:25",
    said: "250 2.0.0 Ok: queued as 4ABC",
    queue: "4ABC",
    messageId: "<1@sender.example>",
    bytes: 1000,
    receiveMs: 10,
    ms: 40,
    ...more,
  });
}
