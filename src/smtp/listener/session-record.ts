/** What a session came to, for one line of the log and one value of a histogram at its end. */
import type { Reply } from "../../mail/reply.ts";
import type { Conversation } from "../session/conversation.ts";

/** Counts of one session. */
export class SessionRecord {
  readonly #began = performance.now();
  #messages = 0;
  #refused = 0;

  /** Counts replies of 4xx and 5xx. @returns the reply */
  note(reply: Reply | undefined): Reply | undefined {
    this.#refused += (reply?.code ?? 0) >= 400 ? 1 : 0;
    return reply;
  }

  /** Counts messages that are delivered. @returns whether this one is */
  messageDone(reply: Reply | undefined): boolean {
    const isDelivered = (reply?.code ?? 500) < 300;
    this.#messages += isDelivered ? 1 : 0;
    return isDelivered;
  }

  /** Logs and counts the session that has ended. */
  tell({ service, session }: Conversation): void {
    const seconds = (performance.now() - this.#began) / 1000;
    service.counters.observe("session_seconds", seconds);
    service.counters.tracer?.note({
      kind: "session",
      name: "session",
      session: session.id,
      ref: session.id,
      ms: seconds * 1000,
      facts: {
        "client.address": session.client.ip,
        listener: session.listener,
        helo: session.helo,
        tls: session.variables.get("TLSVERSION"),
        commands: session.commands,
        messages: this.#messages,
        refused: this.#refused,
      },
    });
    if (service.logSessions) {
      service.log.info("smtp", "session end", {
        session: session.id,
        ip: session.client.ip,
        seconds: seconds.toFixed(3),
        commands: session.commands,
        messages: this.#messages,
        refused: this.#refused,
        tls: session.variables.get("TLSVERSION"),
      });
    }
  }
}
