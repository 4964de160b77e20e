/** What a session came to, for one line of the log and one value of a histogram at its end. */
import type { Conversation } from "../session/conversation.ts";

/** Counts of one session. */
export class SessionRecord {
  readonly #began = performance.now();
  /** Lines that came as commands. */
  commands = 0;
  /** Messages that were answered 250. */
  messages = 0;
  /** Replies of 4xx and 5xx. */
  refused = 0;

  /** Logs and counts the session that has ended. */
  tell({ service, session }: Conversation): void {
    const seconds = (performance.now() - this.#began) / 1000;
    service.counters.observe("session_seconds", seconds);
    if (service.logSessions) {
      service.log.info("smtp", "session end", {
        session: session.id,
        ip: session.client.ip,
        seconds: seconds.toFixed(3),
        commands: this.commands,
        messages: this.messages,
        refused: this.refused,
        tls: session.variables.get("TLSVERSION"),
      });
    }
  }
}
