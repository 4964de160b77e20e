/** The one error of the next hop's side. */
import type { Reply } from "../mail/reply.ts";

/** What is known of a fault beside its text. */
export interface HopFaultOptions extends ErrorOptions {
  /** What the hop said without being asked, before it was given up. */
  readonly said?: Reply;
  /** The connection stood, TLS on it did not: without TLS it may do. */
  readonly duringTls?: boolean;
  /** It let us wait to the end of the time limit: whoever comes next should not. */
  readonly timedOut?: boolean;
}

/** The hop gave no usable answer: gone, silent, or speaking something else. */
export class HopFault extends Error {
  readonly said: Reply | undefined;
  readonly duringTls: boolean;
  readonly timedOut: boolean;

  constructor(message: string, { said, duringTls, timedOut, ...options }: HopFaultOptions = {}) {
    super(message, options);
    this.name = "HopFault";
    this.said = said;
    this.duringTls = duringTls === true;
    this.timedOut = timedOut === true;
  }
}
