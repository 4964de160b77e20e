/**
 * The numbers that qmail-deliverabled answers, by Qmail::Deliverable 1.07, and what they mean to a relay. 0 alone says
 * that nobody is there; an answer that the daemon does not know must not become a refusal.
 */

/** The numbers that goodmailto gives, or looks at one by one. */
export const codes = {
  undeliverable: 0,
  mailingList: 20,
  /** Two of them; of the original: the sticky bit, the home folder is writable. */
  laterFirst: 33,
  laterLast: 34,
  /** The daemon, or what it asks, is unavailable. */
  away: 47,
  deliverable: 241,
  fault: 254,
  foreign: 255,
} as const;

/** What a number means. `untold`: whoever asked knows no more than before. */
export type Meaning = "deliverable" | "undeliverable" | "later" | "untold";

/** The meaning of a code of qmail-deliverabled. */
export function meaningOf(code: number): Meaning {
  switch (code) {
    case codes.undeliverable:
      return "undeliverable";
    case codes.laterFirst:
    case codes.laterLast:
      return "later";
    case codes.away:
    case codes.fault:
    case codes.foreign:
      return "untold";
    default:
      return "deliverable";
  }
}

const atext = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const askable = new RegExp(`^${atext}(?:\\.${atext})*@[a-z0-9_-]+(?:\\.[a-z0-9_-]+)*$`);

/** Whether the protocol can ask about an address in lower case; the original asks about no other, either. */
export function isAskable(address: string): boolean {
  return askable.test(address);
}

/** The path under which an address is asked about. */
export function pathOf(command: "deliverable" | "qmail_local", address: string): string {
  return `/qd1/${command}?${encodeURIComponent(address)}`;
}
