/**
 * Who may see the page: accounts of `[auth]` that `[web] users` names, and tokens. Wrong ones are slowed down and limited
 * as those of AUTH are, and only a few of a client are looked at at a time.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import type { Guard } from "../auth/guard.ts";
import { createAuthenticator } from "../compose/authenticators.ts";
import type { OpenAuthenticator } from "../compose/authenticators.ts";
import { FileFault } from "../compose/file-fault.ts";
import { readTokens } from "../compose/tokens.ts";
import type { Settings } from "../config/sections.ts";
import { isBearer } from "../files/bearer-tokens.ts";
import { clientNetwork } from "../mail/client-network.ts";
import { createDomains } from "../mail/domains.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";

/** What becomes of a try. `late`: too many at a time, or too many wrong ones. */
export type Entry = { readonly kind: "in"; readonly user: string } | { readonly kind: "refused" | "late" | "away" };

/** Tries that are looked at or wait at a time, of a client and of all. */
const mostOfClient = 3;
const mostOfAll = 30;
/** Of a name, a password, a token; as AUTH has it. */
const longest = 1024;

/** The name of one who came by a token. */
export const tokenUser = "(token)";

export class Entrance {
  readonly hasPasswords: boolean;
  readonly hasTokens: boolean;
  readonly #settings: Settings;
  readonly #guard: Guard;
  readonly #log: Log;
  readonly #authenticator: OpenAuthenticator | undefined;
  readonly #tokens: readonly string[];
  readonly #underway = new Map<string, number>();

  /** @throws FileFault if a file of `[auth]` or the file of tokens cannot be used */
  constructor(settings: Settings, guard: Guard, log: Log) {
    this.#settings = settings;
    this.#guard = guard;
    this.#log = log;
    const { users, token_file: file } = settings.web;
    this.hasPasswords = users.length > 0;
    this.hasTokens = file !== "";
    this.#tokens = file === "" ? [] : readTokens(textIn(file), file);
    const domains = createDomains(settings.domains.relay, settings.domains.aliases);
    this.#authenticator = users.length === 0 ? undefined : createAuthenticator(settings.auth, guard, { log, domains });
  }

  /** Whether nobody needs an account. */
  get isOpen(): boolean {
    return !this.hasPasswords && !this.hasTokens;
  }

  /** Whether a login of this name still holds. */
  mayLook(user: string): boolean {
    return user === tokenUser ? this.hasTokens : this.#settings.web.users.includes(user);
  }

  close(): void {
    this.#authenticator?.close();
  }

  byPassword(user: string, password: string, ip: string): Promise<Entry> {
    return this.#inTurn(ip, () => this.#tryPassword(user, password, ip));
  }

  byToken(token: string, ip: string): Promise<Entry> {
    return this.#inTurn(ip, () => this.#tryToken(token, ip));
  }

  async #tryPassword(user: string, password: string, ip: string): Promise<Entry> {
    const isOdd = [user, password].some((text) => text === "" || Buffer.byteLength(text) > longest);
    if (this.#authenticator === undefined || isOdd || /\p{Cc}/u.test(user)) {
      return await this.#refuse(ip);
    }
    const answer = await this.#authenticator.check({ method: "PLAIN", user, password, ip });
    switch (answer.kind) {
      case "accepted":
        return this.mayLook(user) && user !== tokenUser ? this.#admit(user, ip) : await this.#refuse(ip);
      case "refused":
        // Slowed down and counted already.
        this.#log.warning("web", "login refused", { ip, user });
        return { kind: "refused" };
      case "blocked":
        return { kind: "late" };
      case "unavailable":
        this.#log.error("web", "login not possible", { ip, why: answer.why });
        return { kind: "away" };
    }
  }

  async #tryToken(token: string, ip: string): Promise<Entry> {
    if (await this.#guard.isBlocked(ip, this.#limits())) {
      return { kind: "late" };
    }
    return isBearer(`Bearer ${token}`, this.#tokens) ? this.#admit(tokenUser, ip) : await this.#refuse(ip);
  }

  #admit(user: string, ip: string): Entry {
    this.#log.debug("web", "login", { ip, user });
    return { kind: "in", user };
  }

  async #refuse(ip: string): Promise<Entry> {
    this.#log.warning("web", "login refused", { ip });
    await delay(await this.#guard.fail(ip, this.#limits()), undefined, { ref: false });
    return { kind: "refused" };
  }

  #limits() {
    const { max_failures: max, failure_window: window, failure_delay: wait } = this.#settings.auth;
    return { max, window, delay: wait };
  }

  async #inTurn(ip: string, attempt: () => Promise<Entry>): Promise<Entry> {
    const network = clientNetwork(ip);
    const mine = this.#underway.get(network) ?? 0;
    if (mine >= mostOfClient || this.#underway.size >= mostOfAll) {
      return { kind: "late" };
    }
    this.#underway.set(network, mine + 1);
    try {
      return await attempt();
    } finally {
      const left = (this.#underway.get(network) ?? 1) - 1;
      if (left === 0) {
        this.#underway.delete(network);
      } else {
        this.#underway.set(network, left);
      }
    }
  }
}

function textIn(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new FileFault(`Cannot read [web] token_file: ${errorMessage(error)}`, { cause: error });
  }
}
