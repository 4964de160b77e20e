/**
 * What became of a command or a message, as data: every refusal, every delivery, every client that was dropped. The one
 * home of these facts; the log's line (src/log/event-line.ts) and the row of the journal are both made from this record.
 */

/**
 * Where in a session it happened. `command`: a verb without a stage of its own; `session`: not in reply to a command;
 * `lookup`: in no session of ours, but in reply to a question of another mail server.
 */
export const stages = [
  "connection",
  "helo",
  "auth",
  "mail",
  "rcpt",
  "data",
  "message",
  "command",
  "session",
  "lookup",
] as const;
export type EventStage = (typeof stages)[number];

/** `dropped`: the connection was ended without a reply. */
export const eventKinds = ["refused", "delivered", "dropped"] as const;
export type EventKind = (typeof eventKinds)[number];

/** Who decided, beside a reply that is not the next hop's. */
export interface Decision {
  /** A check, as it is labelled in the configuration, or the server itself. */
  readonly check: string;
  /** A key of the check's reasons, or the name of a limit. */
  readonly reason?: string | undefined;
  /** Another log line says it already: the line of the recipient, or that of a limit. */
  readonly told?: boolean;
  /** The pipeline has counted it: `refusals`. */
  readonly counted?: boolean | undefined;
  /** Who tried to log in. */
  readonly user?: string;
}

/** What is known of a message at its end. */
export interface MessageFacts {
  readonly ref: string;
  /** "" for the null sender. */
  readonly sender: string;
  readonly recipients: readonly string[];
  /** In wire form. */
  readonly bytes: number;
  /** With its brackets; undefined: the message has none. */
  readonly messageId: string | undefined;
  /** From our 354 to the final dot, ms. */
  readonly receiveMs: number;
  /** From the final dot to the reply, ms. */
  readonly ms: number;
}

/** One event. Texts are as they came: whoever writes them cares for control characters. */
export interface MailEvent {
  /** ms since 1970. */
  readonly at: number;
  readonly kind: EventKind;
  readonly stage: EventStage;
  /** "" for a client that never got one. */
  readonly session: string;
  /** The id of the message, or that of the session while there is none: what `{ref}` is in a reply. */
  readonly ref: string;
  /** Its label, or the name of the lookup. */
  readonly listener: string;
  /** Of a lookup: the protocol in which another mail server asked. */
  readonly protocol?: string | undefined;
  /** Of a lookup: the address of the mail server that asked; "unix" for one on the same machine. */
  readonly asker?: string | undefined;
  /** "" for the client of another mail server that does not tell it. */
  readonly ip: string;
  /** "" if it is not known. */
  readonly host: string;
  readonly helo: string;
  /** The version, "TLSv1.3"; undefined: not encrypted. */
  readonly tls: string | undefined;
  /** The login, accepted or tried. */
  readonly user: string | undefined;
  /** "" for the null sender; undefined: none was named. */
  readonly sender: string | undefined;
  readonly recipients: readonly string[];
  /** The argument of a MAIL, RCPT or HELO that could not be read. */
  readonly asked: string | undefined;
  /** Undefined: no reply. */
  readonly code: number | undefined;
  /** The reply to the client in one line. */
  readonly reply: string | undefined;
  /** Whose reply it is: a check's label, "goodmailto" for the server itself, "hop" for the next hop. */
  readonly by: string;
  readonly reason: string | undefined;
  readonly hop: string | undefined;
  /** What the hop said, in one line. */
  readonly said: string | undefined;
  /** The hop's queue id. */
  readonly queue: string | undefined;
  readonly messageId: string | undefined;
  readonly bytes: number | undefined;
  readonly receiveMs: number | undefined;
  readonly ms: number | undefined;
}

/** What an event has of a next hop and of a message where there was neither. */
export const withoutMessage = {
  hop: undefined,
  said: undefined,
  queue: undefined,
  messageId: undefined,
  bytes: undefined,
  receiveMs: undefined,
} as const satisfies Partial<MailEvent>;

/** Who takes note of events. */
export interface Recorder {
  /**
   * Whether an event is to be made at all: most are not.
   * @param told another log line says it already
   */
  wants(told: boolean): boolean;
  note(event: MailEvent, told: boolean): void;
}
