/** Carries out what a milter asks for, by the rules that hold for every check: nothing of it opens relaying. */
import type { CheckSession } from "../hooks/check-session.ts";
import type { WholeEdits } from "../hooks/message.ts";
import { normalKey, parseMailbox, parseSender } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import type { SmallChange } from "./gathered.ts";

type Edits = Omit<WholeEdits, "content" | "replaceBody">;

/** A change that is not a question of policy. */
export type PlainChange = Exclude<SmallChange, { kind: "quarantine" }>;

/**
 * Makes one change. Header values have what is behind the colon.
 * @throws RangeError that says why it cannot be made
 */
export function makeChange(change: PlainChange, edits: Edits, session: Pick<CheckSession, "transaction">): void {
  switch (change.kind) {
    case "add header":
      edits.insertHeader(Number.MAX_SAFE_INTEGER, lineOf(change));
      break;
    case "insert header":
      edits.insertAround(change.index, lineOf(change));
      break;
    case "change header":
      changeHeader(change, edits);
      break;
    case "add recipient":
      edits.addRecipient(mailboxOf(change.address, parseMailbox));
      break;
    case "remove recipient":
      for (const mailbox of recipientsNamed(change.address, session)) {
        edits.removeRecipient(mailbox);
      }
      break;
    case "change sender":
      edits.changeSender(change.address === "" ? undefined : mailboxOf(change.address, parseSender));
      break;
  }
}

function changeHeader({ name, nth, value }: Extract<SmallChange, { kind: "change header" }>, edits: Edits): void {
  if (nth < 1) {
    throw new RangeError(`Cannot change the field ${JSON.stringify(name)} number ${nth}`);
  }
  if (value === "") {
    edits.deleteHeader(name, nth);
  } else {
    edits.changeHeader(name, nth, withCrlf(value).replace(/^ /, ""));
  }
}

function lineOf({ name, value }: { readonly name: string; readonly value: string }): string {
  return `${name}:${withCrlf(value)}`;
}

/** Milters end lines with LF. */
function withCrlf(value: string): string {
  return value.replaceAll(/\r\n|\r|\n/g, "\r\n").replace(/(?:\r\n)+$/, "");
}

function mailboxOf(address: string, parse: (text: string) => Mailbox | undefined): Mailbox {
  const mailbox = parse(address);
  if (mailbox === undefined) {
    throw new RangeError(`Not an address: ${JSON.stringify(address.slice(0, 320))}`);
  }
  return mailbox;
}

/** What the next hop knows a recipient by, as the milter got it. */
function recipientsNamed(address: string, { transaction }: Pick<CheckSession, "transaction">): readonly Mailbox[] {
  const named = mailboxOf(address, parseMailbox);
  const key = normalKey(named.user, named.domain);
  const told = transaction?.accepted.find(({ mailbox }) => normalKey(mailbox.user, mailbox.domain) === key);
  return [named, ...(told?.expansion ?? [])];
}
