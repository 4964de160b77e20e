/** The one error of the next hop's side. */
import type { Reply } from "../../mail/reply.ts";

/** What is known of an error beside its text. */
export interface HopFaultOptions extends ErrorOptions {
  /** What the hop said without being asked, before it was given up. */
  readonly said?: Reply;
  /** The connection stood, TLS on it did not: without TLS it may do. */
  readonly duringTls?: boolean;
  /** To wait and try again would not help: it refuses for good, or TLS with it does not work. */
  readonly lasting?: boolean;
  /** It is this relay itself. */
  readonly ourselves?: boolean;
}

/** The hop gave no usable answer: gone, silent, or speaking something else. */
export class HopFault extends Error {
  readonly said: Reply | undefined;
  readonly duringTls: boolean;
  readonly lasting: boolean;
  readonly ourselves: boolean;

  constructor(message: string, { said, duringTls, lasting, ourselves, ...options }: HopFaultOptions = {}) {
    super(message, options);
    this.name = "HopFault";
    this.said = said;
    this.duringTls = duringTls === true;
    this.lasting = lasting === true || ourselves === true || duringTls === true;
    this.ourselves = ourselves === true;
  }
}
