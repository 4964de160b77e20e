/** A protocol of other mail servers on one connection: where a question ends, and what is answered. No sockets here. */
import { replyText } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { LookupService, LookupVerdict, Question } from "./verdict.ts";

/** What a protocol may ask, for one request. */
export interface Asker {
  readonly service: LookupService;
  /** Counts the verdict for the protocol, and takes note of one that refuses. */
  ask(question: Question): LookupVerdict | Promise<LookupVerdict>;
  /** The verdict on a recipient that is no address. */
  unread(text: string, reply: Reply, who?: Party): LookupVerdict;
  /** A fault is the answer to what was asked last. */
  fail(why: string): void;
}

/** Who wants to write. */
export type Party = Pick<Question, "client" | "sender">;

/** What the asker hears of a verdict, in the protocol's words; undefined: neither a refusal nor a deferral. */
export type RefusalWords = (verdict: LookupVerdict) => string | undefined;

/** The next question on a connection. */
export type Taken<Request> =
  | { readonly request: Request; /** How many octets it took. */ readonly octets: number }
  /** What has come is not this protocol: what is said before the connection is closed. */
  | { readonly fault: string };

/** One connection. Octets are characters of latin1. */
export interface Dialogue<Request = string> {
  /**
   * Takes a question off the front of what has come; undefined if more must come.
   * @param ended nothing more comes
   */
  take(input: Buffer, ended: boolean): Taken<Request> | undefined;
  /** The answer; "" says nothing. Undefined closes the connection without one. */
  answer(request: Request, asker: Asker): Said | Promise<Said>;
  /** The answer of an asker that must try again: there was none in time. */
  readonly later: string;
}

/** What is written. */
export type Said = Buffer | string | undefined;

/** Those of a protocol that has the relay's own reply, and leaves other domains to the asker. */
export function refusedByReply({ kind, reply }: LookupVerdict): string | undefined {
  return kind === "known" || kind === "no-snapshot" || kind === "foreign" ? undefined : replyText(reply);
}

/** A protocol of questions and answers on a connection of its own. */
export interface Protocol<Request = string> {
  /** The longest question, in octets. */
  readonly longest: number;
  readonly refusal: RefusalWords;
  open(): Dialogue<Request>;
}

/** A protocol whose connections remember nothing. */
export function stateless<Request>(
  longest: number,
  refusal: RefusalWords,
  dialogue: Dialogue<Request>,
): Protocol<Request> {
  return { longest, refusal, open: () => dialogue };
}
