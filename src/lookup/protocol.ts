/** A protocol of other mail servers on one connection: where a question ends, and what is answered. No sockets here. */
import type { Question, LookupVerdict } from "./verdict.ts";
import type { LookupService } from "./verdict.ts";

/** What a protocol may ask. */
export interface Asker {
  readonly service: LookupService;
  /** Counts the verdict for the protocol. */
  ask(question: Question): LookupVerdict | Promise<LookupVerdict>;
}

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

/** A protocol of questions and answers on a connection of its own. */
export interface Protocol<Request = string> {
  /** The longest question, in octets. */
  readonly longest: number;
  open(): Dialogue<Request>;
}

/** A protocol whose connections remember nothing. */
export function stateless<Request>(longest: number, dialogue: Dialogue<Request>): Protocol<Request> {
  return { longest, open: () => dialogue };
}
