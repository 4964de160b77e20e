/** From credentials to an authenticated session: back end, auth hook, variables. RFC 4954 4 and 6. */
import { reply } from "../mail/reply.ts";
import { say } from "./answers.ts";
import type { Response } from "./answers.ts";
import type { Credentials } from "./auth.ts";
import type { Conversation } from "./conversation.ts";

const accepted = say(reply(235, "2.7.0", "Authentication successful"));
const refused = say(reply(535, "5.7.8", "Authentication credentials invalid"));
const unavailable = say(reply(454, "4.7.0", "Temporary authentication failure"));

/** Asks the back end, then the checks of the auth hook; a refusal there takes the login back. */
export async function authenticate(
  conversation: Conversation,
  { method, user, password }: Omit<Credentials, "ip">,
): Promise<Response> {
  const { session, service } = conversation;
  const answer = await service.authenticator?.check({ method, user, password, ip: session.client.ip });
  if (answer === undefined || answer.kind === "unavailable") {
    service.log.error("auth", "back end is away", { session: session.id, ip: session.client.ip, why: answer?.why });
    return unavailable;
  }
  if (answer.kind === "refused") {
    service.log.warning("auth", "refused", { session: session.id, ip: session.client.ip, user, method });
    return refused;
  }
  const before = new Map(session.variables);
  session.variables.set("SMTPAUTHUSER", user);
  session.variables.set("SMTPAUTHMETHOD", method.toLowerCase());
  const { verdict } = await service.pipeline.run("auth", session, "policy");
  if (verdict.kind === "refuse" || verdict.kind === "drop") {
    // The original leaves SMTPAUTHUSER set here, and later plugins would believe it.
    restore(session.variables, before);
    return verdict.kind === "drop"
      ? { reply: undefined, close: true }
      : { reply: verdict.reply, close: verdict.close === true };
  }
  for (const [name, value] of answer.variables) {
    session.variables.set(name, value);
  }
  conversation.authenticated = true;
  return accepted;
}

function restore(variables: Map<string, string>, before: ReadonlyMap<string, string>): void {
  for (const name of ["SMTPAUTHUSER", "SMTPAUTHMETHOD"]) {
    const value = before.get(name);
    if (value === undefined) {
      variables.delete(name);
    } else {
      variables.set(name, value);
    }
  }
}
