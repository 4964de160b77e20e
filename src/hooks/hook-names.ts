/** The moments at which checks are asked: the one list. docs/flow.md shows them on the way of a session. */

/**
 * In the order of a session. `data` is before 354, `header` when the empty line was seen, `message` before the reply
 * to the final dot. The last four cannot refuse: `denied` hears refusals, `unrecognised` commands that nobody knows,
 * `concluded` that a transaction is over, `end` that the session is.
 */
export const hookNames = [
  "connection",
  "helo",
  "auth",
  "mail",
  "rcpt",
  "data",
  "header",
  "message",
  "denied",
  "unrecognised",
  "concluded",
  "end",
] as const;
export type HookName = (typeof hookNames)[number];

/** The hooks at which a command waits for a verdict. */
export type CommandHook = "connection" | "helo" | "auth" | "mail" | "rcpt" | "data";
/** The hooks at which a message waits for a verdict. */
export type MessageHook = "header" | "message";
