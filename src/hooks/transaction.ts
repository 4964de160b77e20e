/** MAIL to the reply to the final dot: as checks see it, and what the server changes of it. */
import type { Mailbox } from "../mail/address.ts";
import type { CheckTransaction, Recipient } from "./check-session.ts";
import type { Redirection } from "./effect.ts";
import { RecipientResults } from "./recipient-results.ts";
import { Suspicion } from "./suspicion.ts";

/** The transaction, as the server sees it. */
export interface Transaction extends CheckTransaction {
  /** The id of its message. */
  readonly ref: string;
  /** By performance.now(). */
  readonly began: number;
  sender: Mailbox | undefined;
  recipientParameters: readonly string[];
  readonly accepted: Recipient[];
  asked: number;
  /** The next hop has accepted recipients that must not get the message. */
  replan: boolean;
  redirection: Redirection | undefined;
  results: RecipientResults | undefined;
  whitelisted: boolean;
  policyOff: boolean;
  readonly suspicion: Suspicion;
}

/** A transaction that begins. */
export function newTransaction(sender: Mailbox | undefined, parameters: readonly string[], ref: string): Transaction {
  return {
    ref,
    began: performance.now(),
    sender,
    parameters,
    recipientParameters: [],
    accepted: [],
    asked: 0,
    replan: false,
    redirection: undefined,
    results: undefined,
    whitelisted: false,
    policyOff: false,
    suspicion: new Suspicion(),
  };
}

/** From now on checks of content note what they find for each recipient. */
export function openResults(transaction: Transaction | undefined): void {
  if (transaction !== undefined) {
    transaction.results ??= new RecipientResults();
  }
}
