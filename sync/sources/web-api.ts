/**
 * A directory that is asked over HTTP with a token: signs in, waits when the server is busy, signs in again when the
 * token has expired, and hands the token to no other server.
 */
import { setTimeout } from "node:timers/promises";

import { printable } from "../../src/mail/reply.ts";
import { SourceFault } from "../source.ts";
import { type Ceilings, ceilings } from "./page-guard.ts";
import { type Answer, ask, type Asking, type JsonObject, type Question } from "./web-answer.ts";

/** How long a busy server is waited for. Times in ms. */
export interface Patience {
  /** Answers "busy" to one question, one after the other. */
  readonly tries: number;
  /** Without Retry-After; twice as long each time. */
  readonly firstWait: number;
  /** Longer ones are for the next sync. */
  readonly longestWait: number;
  /** In one reading. */
  readonly total: number;
}

export const patience: Patience = { tries: 8, firstWait: 1000, longestWait: 300_000, total: 1_800_000 };

/** Where a reading ends, and how long it waits; smaller in tests. */
export interface WebLimits extends Ceilings {
  readonly patience: Patience;
  /** Bytes of one answer; undefined: the usual ones. */
  readonly maxAnswer?: number;
}

export const webLimits: WebLimits = { ...ceilings, patience };

/** What a directory answered instead of a list. */
export class Refusal extends SourceFault {
  /** Its own word for it, "Authorization_RequestDenied" for example. */
  readonly word: string;

  constructor(reason: SourceFault["reason"], message: string, code: number, word: string) {
    super(reason, message, { code });
    this.word = word;
  }
}

/** An error as a server describes it. */
export interface Said {
  readonly word: string;
  readonly text: string;
}

/** How a server is asked. */
export interface ApiOptions extends Asking {
  /** Below it alone the token is sent. */
  readonly base: URL;
  /** The question that is answered with a token, and what must never be in a log. */
  readonly signIn: () => Promise<{ readonly question: Question; readonly secrets: readonly string[] }>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether an error beside 429 and 5xx means "later". */
  readonly isBusy?: (answer: Answer) => boolean;
  /** What an error says. */
  readonly said: (answer: Answer) => Said;
  readonly patience?: Patience;
}

const busy = new Set([429, 500, 502, 503, 504]);

/** A server that can be asked; it has not been yet. */
export class WebApi {
  readonly #options: ApiOptions;
  readonly #hidden = new Set<string>();
  #token: string | undefined;
  /** ms, of all questions. */
  #waited = 0;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** @throws SourceFault as `ask`, "referral" if the URL is outside the base, "bind" if the token is refused; Refusal */
  async get(url: URL): Promise<JsonObject> {
    refuseElsewhere(url, this.#options.base);
    for (let isSecond = false; ; isSecond = true) {
      this.#token ??= await this.#signIn();
      const headers = { ...this.#options.headers, authorization: `Bearer ${this.#token}` };
      const answer = await this.#askPatiently({ url, headers });
      if (answer.status === 200) {
        return answer.body;
      }
      if (answer.status !== 401) {
        throw this.#refusal(url, answer, "search", "refused the question");
      }
      if (isSecond) {
        throw this.#refusal(url, answer, "bind", "refused a new access token");
      }
      this.#token = undefined;
    }
  }

  /** Asks again as long as the server is busy. */
  async #askPatiently(question: Question): Promise<Answer> {
    const { isBusy, patience: limits = patience, signal } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const answer = await ask(question, this.#options);
      if (!busy.has(answer.status) && isBusy?.(answer) !== true) {
        return answer;
      }
      const asked = retryAfter(answer);
      const wait = asked ?? limits.firstWait * 2 ** (tries - 1);
      if (tries >= limits.tries || wait > limits.longestWait || this.#waited + wait > limits.total) {
        const later = asked === undefined ? "" : `, and asks to wait ${asked / 1000} s`;
        throw this.#refusal(question.url, answer, "search", `is busy${later}: the next sync asks again`);
      }
      this.#waited += wait;
      await pause(wait, signal);
    }
  }

  /** @returns a new token */
  async #signIn(): Promise<string> {
    const { question, secrets } = await this.#options.signIn();
    // Also as the form had them.
    const forms = secrets.map((secret) => new URLSearchParams([["", secret]]).toString().slice(1));
    [...secrets, ...forms].forEach((secret) => this.#hidden.add(secret));
    const answer = await this.#askPatiently(question);
    if (answer.status !== 200) {
      throw this.#refusal(question.url, answer, "bind", "refused the sign-in");
    }
    const { access_token: given } = answer.body;
    if (typeof given !== "string" || !/^[\x21-\x7e]{1,65536}$/.test(given)) {
      throw new SourceFault("bind", `${question.url.host} accepted the sign-in and gave no usable access_token`);
    }
    this.#hidden.add(given);
    return given;
  }

  #refusal(url: URL, answer: Answer, reason: SourceFault["reason"], what: string): Refusal {
    const { word, text } = this.#options.said(answer);
    const words = [word, text].filter((one) => one !== "").join(": ");
    const detail = words === "" ? "" : `: ${clean(words, this.#hidden)}`;
    const place = reason === "bind" ? url.host : `${url.host}${url.pathname}`;
    return new Refusal(reason, `${place} ${what} (status ${answer.status})${detail}`, answer.status, word);
  }
}

/** @throws SourceFault if a token sent there would be another server's */
export function refuseElsewhere(url: URL, base: URL): void {
  const folder = base.pathname.endsWith("/") ? base.pathname : `${base.pathname}/`;
  if (url.origin !== base.origin || !url.pathname.startsWith(folder) || url.username !== "" || url.password !== "") {
    throw new SourceFault(
      "referral",
      `${base.host} names a next page at ${printable(url.host)}, outside ${printable(base.href)}: the list is incomplete, and nothing was sent there`,
    );
  }
}

/** ms that the server asks for; undefined if it asks for none. Seconds or a date, RFC 9110 10.2.3. */
function retryAfter({ headers }: Answer): number | undefined {
  const text = headers["retry-after"]?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) {
    return Number(text) * 1000;
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch (cause) {
    throw new SourceFault("timeout", "The run was stopped while the server was busy", { cause });
  }
}

/** Words of a server for the log, without what it was told in confidence. */
function clean(text: string, hidden: ReadonlySet<string>): string {
  let safe = text;
  for (const secret of hidden) {
    safe = secret === "" ? safe : safe.replaceAll(secret, "[secret]");
  }
  // Assertions and tokens that it made of them.
  safe = safe.replace(/\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g, "[secret]");
  return printable(safe.replace(/\s+/g, " ").trim()).slice(0, 400);
}
