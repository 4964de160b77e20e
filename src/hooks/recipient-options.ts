/**
 * What the administrator wants for single recipients: taken by the check that knows (aliases), read by any other one, and
 * by plugins as variables: `greylisting=off` is SMTPRCPTOPT_greylisting.
 */
import type { CheckSession } from "./check-session.ts";
import { noteOf } from "./notes.ts";
import type { Note } from "./notes.ts";

/** Names in lower case; a name without a value has "". */
export const recipientOptions: Note<ReadonlyMap<string, string>> = noteOf<ReadonlyMap<string, string>>("recipient");

const prefix = "SMTPRCPTOPT_";
/** Variables of sessions that have options among them. */
const withOptions = new WeakSet<ReadonlyMap<string, string>>();

/** Gives the recipient under question these options. @param variables of the session */
export function takeOptions(
  session: CheckSession,
  variables: Map<string, string>,
  options: ReadonlyMap<string, string>,
): void {
  recipientOptions.set(session, options);
  forgetOptions(variables);
  withOptions.add(variables);
  for (const [name, value] of options) {
    variables.set(`${prefix}${name.replaceAll(/\W/g, "_")}`, value.replaceAll(/[\x00-\x1f\x7f]/g, "?"));
  }
}

/** Takes the variables of the recipient before away. */
export function forgetOptions(variables: Map<string, string>): void {
  if (withOptions.delete(variables)) {
    [...variables.keys()].filter((name) => name.startsWith(prefix)).forEach((name) => variables.delete(name));
  }
}
