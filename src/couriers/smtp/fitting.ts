/** What a next hop's answer is to the client: only a 2xx of the hop becomes one of the relay. */
import { formatHop } from "../../mail/hop-endpoint.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import { replyText, reply, withCode } from "../../mail/reply.ts";
import type { HopAnswer, Reply } from "../../mail/reply.ts";

const unheard = (...words: Parameters<typeof reply>): Reply => ({ ...reply(...words), said: 0 });

/** The relay's own answers if the hop gave none. */
export const notAvailable = unheard(451, "4.4.1", "Next hop is not available, try again later");
/** It was there, and is gone. */
export const lost = unheard(451, "4.4.2", "Lost the next hop, try again later");
/** The configuration names no hop. */
export const noRoute = unheard(451, "4.3.5", "No route to this domain");
/** The configuration, or DNS, names this relay itself. RFC 3463 X.4.6. */
export const loops = unheard(451, "4.4.6", "Mail to this domain would loop, try again later");
/** One hop a transaction. */
export const otherRoute = unheard(452, "4.5.3", "Send this recipient in a message of its own");
/** A check gave a message recipients that have different hops. */
export const dividedRoute = unheard(451, "4.3.5", "These recipients cannot be served together, try again later");
/** It has an address in UTF-8 without asking for it, from a check. RFC 6531 3.5. */
export const notUtf8 = unheard(550, "5.6.7", "Addresses in UTF-8 cannot be delivered there");
/** The message asks for it and was offered it, and the hop does not take it after all: the next EHLO tells the sender. */
export const noUtf8Now = unheard(451, "4.6.7", "Next hop does not take SMTPUTF8 now, try again later");
/** It said something else than it was asked. */
export const misunderstood = unheard(451, "4.3.0", "Next hop gave no fitting answer, try again later");

/**
 * 2xx codes that answer another question: HELP, a greeting, QUIT, AUTH. A hop that says one is out of step.
 */
const otherSuccess: ReadonlySet<number> = new Set([211, 214, 220, 221, 235]);

/** Whether a code says yes, whatever its last digits are. RFC 5321 4.3.2: a client goes by the first digit. */
export function isSuccess(code: number): boolean {
  return code >= 200 && code < 300 && !otherSuccess.has(code);
}

/** What is wanted of a command: any 2xx, or 354 at DATA; nothing if only a refusal can come. */
export type Wanted = "success" | "data" | "refusal";

/**
 * The hop's answer as the relay's: what was wanted, a 4xx, a 5xx. 421 would end the client's session and becomes 451;
 * anything else was not an answer to the question.
 */
export function fitting(answer: Reply, wanted: Wanted): Reply {
  const { code } = answer;
  if (wanted === "success" && isSuccess(code)) {
    return code === 250 ? answer : withCode(answer, 250, code);
  }
  if (wanted === "data" && code === 354) {
    return answer;
  }
  if (code === 421) {
    return withCode(answer, 451, code);
  }
  return code >= 400 ? answer : { ...misunderstood, said: code };
}

/**
 * Whether an answer of the relay replaces one that did not fit; a hop that is a goodmailto may say the same words itself.
 */
export function isMisfit({ wire, said }: Reply): boolean {
  return said !== undefined && wire === misunderstood.wire;
}

const ours: ReadonlySet<string> = new Set(
  [notAvailable, lost, noRoute, loops, otherRoute, dividedRoute, notUtf8, noUtf8Now, misunderstood].map(
    ({ wire }) => wire,
  ),
);

/** Our texts for what a hop refuses, by the enhanced code without its first digit. RFC 3463. */
const texts: Readonly<Record<string, string>> = {
  "1.1": "No such user here",
  "1.8": "Sender address refused",
  "2.1": "Mailbox is disabled",
  "2.2": "Mailbox is full",
  "3.4": "Message too large",
  "5.3": "Too many recipients",
  "7.1": "Refused by policy",
};

/** The hop's code and enhanced code with goodmailto's words: nothing that the internal server says reaches the client. */
export function withOwnWords(answer: Reply): Reply {
  if (ours.has(answer.wire) || answer.code < 200 || (answer.code >= 300 && answer.code < 400)) {
    return answer;
  }
  const first = String(answer.code)[0];
  const [, category = "", detail = ""] = /^\d{3}[ -]([245])\.(\d{1,3}\.\d{1,3})(?=\s)/.exec(answer.wire) ?? [];
  const status = category === first ? detail : "0.0";
  const fallback = answer.code < 300 ? "Message accepted" : answer.code < 500 ? "Try again later" : "Refused";
  const text = answer.code < 300 ? fallback : (texts[status] ?? fallback);
  const said = answer.said === undefined ? {} : { said: answer.said };
  const hop = answer.hop === undefined ? {} : { hop: answer.hop };
  return { ...reply(answer.code, `${first}.${status}`, text), ...said, ...hop };
}

/** More of a hop's words than this does not go into the log. */
const maxLogged = 512;

/** What a hop said, and which, for the record. */
export function heardFrom(connection: { readonly endpoint: HopEndpoint } | undefined, answer: Reply): HopAnswer {
  return { at: connection === undefined ? "" : formatHop(connection.endpoint), said: hopText(answer) };
}

/** What a hop said, for the log: one line, printable. */
export function hopText(answer: Reply): string {
  const text = replyText(answer);
  return text.length > maxLogged ? `${text.slice(0, maxLogged - 3)}...` : text;
}
