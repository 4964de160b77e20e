/**
 * What a part tells of its share of a session, where traces are wanted: the session, its messages, and within those each
 * recipient, each check that was waited for, and each reply of a next hop. src/otlp makes traces of it.
 */

/** One share; it ends now. */
export interface Span {
  readonly kind: "session" | "message" | "rcpt" | "check" | "hop";
  readonly name: string;
  readonly session: string;
  /** The id of the message, or that of the session where there is none. */
  readonly ref: string;
  readonly ms: number;
  readonly failed?: boolean;
  /** Values of undefined are left out. */
  readonly facts: Readonly<Record<string, string | number | undefined>>;
  /** Facts that are addresses: hashed if the journal's are. */
  readonly addresses?: Readonly<Record<string, string>>;
}

/** Takes note of them. Never throws, never waits. */
export interface Tracer {
  note(span: Span): void;
}
