/** Makes the authenticator that `[auth]` asks for: back ends one after the other, behind the guard. RFC 4954. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import type { BackEndAnswer, Login } from "../auth/answer.ts";
import { askProgram } from "../auth/checkpassword.ts";
import { Gate } from "../auth/gate.ts";
import type { Guard } from "../auth/guard.ts";
import { parsePasswords, PasswordFile } from "../auth/passwords.ts";
import type { Settings } from "../config/sections.ts";
import type { Log } from "../report/log.ts";
import type { AuthAnswer, Authenticator } from "../auth/authenticator.ts";
import { FileFault } from "./file-fault.ts";

/** Programs (or hashes of 32 MiB) at a time, and logins that wait for them. */
const gate = { running: 8, waiting: 200 };

type Ask = (login: Login) => Promise<BackEndAnswer>;

/**
 * Undefined where no back end is configured: AUTH is not offered then.
 * @param guard outlives a reload
 * @throws FileFault where the password file cannot be used as it stands
 */
export function createAuthenticator(settings: Settings["auth"], guard: Guard, log: Log): Authenticator | undefined {
  const asks = backEnds(settings, log);
  if (asks.length === 0) {
    return undefined;
  }
  const limits = { max: settings.max_failures, window: settings.failure_window, delay: settings.failure_delay };
  const variables = new Map([
    ...(settings.relay ? [["RELAYCLIENT", ""] as const] : []),
    ...(settings.bypass ? [["NOGOODMAILTO", ""] as const] : []),
  ]);
  const room = new Gate(gate);
  // Looked at again in the gate, or a burst of guesses at once would all be tried.
  const judge = async (login: Login): Promise<BackEndAnswer | "blocked"> =>
    (await guard.isBlocked(login.ip, limits)) ? "blocked" : await askAll(asks, login);
  return {
    async check({ user, password, ip }): Promise<AuthAnswer> {
      if (await guard.isBlocked(ip, limits)) {
        return { kind: "blocked" };
      }
      // A directory takes a name without a password for anonymous and says success (RFC 4513 5.1.2).
      const answer = password === "" ? refusal : await room.run(() => judge({ user, password, ip }));
      if (answer === undefined || answer === "blocked") {
        return answer === undefined ? { kind: "unavailable", why: "too many logins at a time" } : { kind: "blocked" };
      }
      switch (answer.kind) {
        case "accepted":
          return { kind: "accepted", variables };
        case "unavailable":
          return answer;
        case "refused":
        case "unknown":
          await delay(await guard.fail(ip, limits), undefined, { ref: false });
          return { kind: "refused" };
      }
    },
  };
}

const refusal: BackEndAnswer = { kind: "refused" };

function backEnds({ passwords, command, timeout }: Settings["auth"], log: Log): Ask[] {
  const asks: Ask[] = [];
  if (passwords !== "") {
    const file = openPasswords(passwords, log);
    asks.push((login) => file.check(login));
  }
  if (command.length > 0) {
    asks.push((login) => askProgram({ command, timeout }, login));
  }
  return asks;
}

/** The first back end that knows the user decides. */
async function askAll(asks: readonly Ask[], login: Login): Promise<BackEndAnswer> {
  let answer: BackEndAnswer = { kind: "unknown" };
  for (const ask of asks) {
    answer = await ask(login);
    if (answer.kind !== "unknown") {
      return answer;
    }
  }
  return answer;
}

/** At start and reload a file with faults is refused; later it is only complained about. */
function openPasswords(path: string, log: Log): PasswordFile {
  const { users, faults } = parsePasswords(readFileSync(path));
  if (faults.length > 0) {
    throw new FileFault(faults.map(({ line, message }) => `${path}:${line}: ${message}`).join("\n"));
  }
  const file = new PasswordFile(path, (why) => log.error("auth", "bad password file", { why }));
  file.take(users);
  return file;
}
