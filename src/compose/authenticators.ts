/** Makes the authenticator that `[auth]` asks for: its back ends in their order, behind the guard. RFC 4954. */
import { setTimeout as delay } from "node:timers/promises";

import type { AuthAnswer, Authenticator } from "../auth/authenticator.ts";
import { BackEndFault } from "../auth/backends/contract.ts";
import type { BackEndServices } from "../auth/backends/contract.ts";
import { backEnds } from "../auth/backends/registry.ts";
import { askChain } from "../auth/chain.ts";
import type { ChainAnswer, Link, LoginQuestion } from "../auth/chain.ts";
import type { Guard } from "../auth/guard.ts";
import { orderOf, valuesOf } from "../config/back-ends.ts";
import type { Settings } from "../config/sections.ts";
import { Slots } from "../wait/slots.ts";
import { FileFault } from "./file-fault.ts";

/** Password checks at a time: each costs a process, or a hash of 32 MiB. */
const most = 8;
/** Logins that wait for them. */
const mostWaiting = 200;

/** An authenticator, and the end of what its back ends hold. */
export interface OpenAuthenticator extends Authenticator {
  close(): void;
}

/**
 * Undefined if no back end is configured: AUTH is not offered then.
 * @param guard outlives a reload
 * @throws FileFault if a file of a back end cannot be used as is
 */
export function createAuthenticator(
  settings: Settings["auth"],
  guard: Guard,
  services: BackEndServices,
): OpenAuthenticator | undefined {
  const chain = openChain(settings, services);
  if (chain.length === 0) {
    return undefined;
  }
  const limits = { max: settings.max_failures, window: settings.failure_window, delay: settings.failure_delay };
  const variables = loginVariables(settings);
  const slots = new Slots(most);
  const tell = (why: string): void =>
    services.log.error("auth", "back end is unavailable, another one accepted", { why });
  // Looked at again when it has its place, or a burst of guesses at once would all be tried.
  const judge = async (question: LoginQuestion): Promise<ChainAnswer | { readonly kind: "blocked" }> =>
    (await guard.isBlocked(question.ip, limits)) ? { kind: "blocked" } : await askChain(chain, question, tell);
  return {
    mechanisms: settings.mechanisms,
    async check(credentials): Promise<AuthAnswer> {
      const { ip } = credentials;
      if (await guard.isBlocked(ip, limits)) {
        return { kind: "blocked" };
      }
      if (slots.waiting >= mostWaiting) {
        return { kind: "unavailable", why: "too many logins at a time" };
      }
      const answer = await slots.run(() => judge(credentials));
      if (answer.kind === "accepted") {
        return { kind: "accepted", variables };
      }
      if (answer.kind === "refused" || (answer.kind === "unavailable" && answer.isGuess)) {
        await delay(await guard.fail(ip, limits), undefined, { ref: false });
      }
      return answer;
    },
    close: () => chain.forEach(({ backEnd }) => backEnd.close?.()),
  };
}

/** What a login sets. */
export function loginVariables({ relay, bypass }: Settings["auth"]): ReadonlyMap<string, string> {
  return new Map([
    ...(relay ? [["RELAYCLIENT", ""] as const] : []),
    ...(bypass ? [["NOGOODMAILTO", ""] as const] : []),
  ]);
}

/** Opens the back ends as the relay would, and closes them. @throws FileFault as above */
export function tryBackEnds(settings: Settings["auth"], services: BackEndServices): void {
  openChain(settings, services).forEach(({ backEnd }) => backEnd.close?.());
}

/** One that cannot begin leaves none of the others open. */
function openChain(settings: Settings["auth"], services: BackEndServices): Link[] {
  const chain: Link[] = [];
  try {
    for (const definition of orderOf(backEnds, settings)) {
      const values = valuesOf(definition, settings);
      // The schema has compared them with the declaration: defineBackEnd.
      const backEnd = definition.create(values as never, services);
      chain.push({ name: definition.name, timeout: values.timeout, backEnd });
      if (settings.mechanisms.includes("CRAM-MD5") && backEnd.clearOf === undefined) {
        const what = String(values[definition.key]);
        throw new BackEndFault(`CRAM-MD5 needs every password in clear, and "${what}" holds hashes`);
      }
    }
    return chain;
  } catch (error) {
    chain.forEach(({ backEnd }) => backEnd.close?.());
    throw error instanceof BackEndFault ? new FileFault(error.message, { cause: error }) : error;
  }
}
