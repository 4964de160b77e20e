/** From credentials to an authenticated session: back end, auth hook, variables. RFC 4954 4 and 6. */
import { reply } from "../../mail/reply.ts";
import { say } from "../answers.ts";
import type { Response } from "../answers.ts";
import { decisionOf, serverName } from "../decision.ts";
import type { AuthAnswer, Claim } from "../../auth/authenticator.ts";
import type { Conversation } from "./conversation.ts";

const accepted = say(reply(235, "2.7.0", "Authentication successful"));
const refused = say(reply(535, "5.7.8", "Authentication credentials invalid"));
const unavailable = say(reply(454, "4.7.0", "Temporary authentication failure"));
const told = { check: serverName, told: true };

/** What a refusal at the auth hook resets, even if a plugin set it meanwhile. */
const granted = ["SMTPAUTHUSER", "SMTPAUTHMETHOD", "RELAYCLIENT", "NOGOODMAILTO"];

/** Asks the back end, then the checks of the auth hook; a refusal there takes the login back. */
export async function authenticate(conversation: Conversation, login: Claim): Promise<Response> {
  const { session, service } = conversation;
  const answer: AuthAnswer = (await service.authenticator?.check({ ...login, ip: session.client.ip })) ?? {
    kind: "unavailable",
    why: "no back end",
  };
  if (answer.kind !== "accepted") {
    service.counters.add("logins", { result: answer.kind });
  }
  switch (answer.kind) {
    case "unavailable":
      service.log.error("auth", "back end is unavailable", {
        session: session.id,
        ip: session.client.ip,
        why: answer.why,
      });
      return { ...unavailable, by: { ...told, reason: "back end is unavailable", user: login.user } };
    case "blocked":
      return conversation.limit("auth failures", unavailable);
    case "refused":
      service.log.warning("auth", "refused", {
        session: session.id,
        ip: session.client.ip,
        user: login.user,
        method: login.method,
      });
      await service.pipeline.denied(session, { check: serverName, reason: "wrong password", hook: "auth" });
      return { ...refused, by: { ...told, reason: "wrong password", user: login.user } };
    case "accepted":
      return await admitLogin(conversation, login, answer.variables);
  }
}

/** A login that is believed: the checks have their say, then it has its variables. */
export async function admitLogin(
  conversation: Conversation,
  { user, method }: { readonly user: string; readonly method: string },
  variables: ReadonlyMap<string, string>,
): Promise<Response> {
  const { session, service } = conversation;
  const before = session.known();
  session.variables.set("SMTPAUTHUSER", user);
  session.variables.set("SMTPAUTHMETHOD", method.toLowerCase());
  const outcome = await service.pipeline.run("auth", session, "policy");
  const { verdict } = outcome;
  if (verdict.kind === "refuse" || verdict.kind === "drop") {
    // The original leaves SMTPAUTHUSER set here, and later plugins would rely on it.
    session.restore(before, granted);
    service.counters.add("logins", { result: "refused" });
    const by = { ...decisionOf(outcome), user };
    return verdict.kind === "drop"
      ? { reply: undefined, close: true, by }
      : { reply: verdict.reply, close: verdict.close === true, by };
  }
  for (const [name, value] of variables) {
    session.variables.set(name, value);
  }
  conversation.authenticated = true;
  service.counters.add("logins", { result: "accepted" });
  return accepted;
}
