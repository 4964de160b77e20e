/**
 * Asks back ends one after the other. The first that accepts or refuses decides; which are asked, and what counts, is
 * decided only here.
 */
import { errorMessage } from "../report/error-message.ts";
import { unlessAborted } from "../wait/within.ts";
import type { BackEnd, BackEndAnswer, ClearAnswer, Login } from "./backends/contract.ts";
import { tellsPassword } from "./backends/secret.ts";
import { proves } from "./cram-md5.ts";
import type { Proof } from "./cram-md5.ts";

/** What the back ends are asked about: a password, or a proof of CRAM-MD5. */
export type LoginQuestion = Login | ({ readonly user: string; readonly ip: string } & Proof);

/** One back end in its place. */
export interface Link {
  readonly name: string;
  readonly backEnd: BackEnd;
  /** ms */
  readonly timeout: number;
}

/** What the back ends say together. */
export type ChainAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused" }
  | {
      readonly kind: "unavailable";
      readonly why: string;
      /**
       * A back end behind the one that is unavailable has refused: the password may be wrong anyway, and counts as a
       * guess.
       */
      readonly isGuess: boolean;
    };

/**
 * A back end that is unavailable does not keep the next one from accepting; but then nothing else can say that a
 * password is wrong.
 * @param tell is called with back ends that are unavailable although another one accepted
 */
export async function askChain(
  chain: readonly Link[],
  question: LoginQuestion,
  tell: (why: string) => void,
): Promise<ChainAnswer> {
  if ("password" in question && isHopeless(question.password)) {
    return { kind: "refused" };
  }
  const away: string[] = [];
  for (const link of chain) {
    const answer = await askWithin(link, question);
    switch (answer.kind) {
      case "accepted":
        away.forEach(tell);
        return answer;
      case "refused":
        return away.length === 0 ? answer : { kind: "unavailable", why: away.join("; "), isGuess: true };
      case "unavailable":
        away.push(`${link.name}: ${forLog(answer.why, question)}`);
        break;
      case "unknown":
        break;
    }
  }
  return away.length === 0 ? { kind: "refused" } : { kind: "unavailable", why: away.join("; "), isGuess: false };
}

function forLog(why: string, question: LoginQuestion): string {
  return "password" in question && tellsPassword(why, question) ? "its words hold the password" : why;
}

/** A back end that holds no passwords in clear is not in the order where CRAM-MD5 is offered. */
async function askOne(backEnd: BackEnd, question: LoginQuestion, signal: AbortSignal): Promise<BackEndAnswer> {
  if ("password" in question) {
    return await backEnd.check(question, signal);
  }
  const none: ClearAnswer = { kind: "unavailable", why: "holds no passwords in clear" };
  const answer = (await backEnd.clearOf?.(question.user, signal)) ?? none;
  if (answer.kind !== "clear") {
    return answer;
  }
  return { kind: proves(question, answer.password) ? "accepted" : "refused" };
}

/**
 * A directory takes a name without a password for anonymous and says success (RFC 4513 5.1.2). What follows a NUL
 * is lost on its way through a checkpassword program or saslauthd, and a wrong password would be right.
 */
function isHopeless(password: string): boolean {
  return password === "" || password.includes("\0");
}

/** One answer within the time limit, whatever the back end does. */
async function askWithin({ backEnd, timeout }: Link, question: LoginQuestion): Promise<BackEndAnswer> {
  const signal = AbortSignal.timeout(timeout);
  try {
    return await unlessAborted(askOne(backEnd, question, signal), signal, `no answer within ${timeout} ms`);
  } catch (error) {
    return { kind: "unavailable", why: errorMessage(error) };
  }
}
