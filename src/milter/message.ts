/** One message to a milter: header fields, body pieces, and the end, with the changes that come before its verdict. */
import type { WholeEdits } from "../hooks/message.ts";
import { fieldName, readHeader, splitFields } from "../message/header.ts";
import type { actions } from "./bits.ts";
import type { MilterAnswer, Change } from "./answer.ts";
import { headerData } from "./commands.ts";
import { GatheredChanges } from "./gathered.ts";
import type { SmallChange } from "./gathered.ts";
import type { Link } from "./link.ts";
import type { Agreement } from "./negotiation.ts";
import { chunkSize } from "./packet.ts";

type Message = Pick<WholeEdits, "content" | "replaceBody">;

/** What a message came to. */
export interface MessageResult {
  readonly answer: MilterAnswer;
  /** The milter has seen all that it wanted to see. */
  readonly isComplete: boolean;
  readonly changes: readonly SmallChange[];
}

/** The action that each change needs. */
const needed: Readonly<Record<Change["kind"], keyof typeof actions>> = {
  "add header": "addHeaders",
  "insert header": "addHeaders",
  "change header": "changeHeaders",
  body: "changeBody",
  "add recipient": "addRecipients",
  "remove recipient": "removeRecipients",
  "change sender": "changeSender",
  quarantine: "quarantine",
};

/** Shows a message. @throws Error if the milter fails, or does what it must not */
export async function showMessage(link: Link, message: Message): Promise<MessageResult> {
  const pieces = message.content()[Symbol.asyncIterator]();
  try {
    const { header, rest } = await readHeader(pieces);
    const early = (await showHeader(link, header)) ?? (await showBody(link, rest, pieces));
    if (early !== undefined) {
      return { answer: early, isComplete: false, changes: [] };
    }
  } finally {
    await pieces.return?.(undefined);
  }
  return takeChanges(link, message);
}

/** An answer that ends the message before its time. */
async function showHeader(link: Link, header: string): Promise<MilterAnswer | undefined> {
  for (const line of link.hears("L") ? splitFields(header) : []) {
    const name = fieldName(line);
    const answer =
      name === ""
        ? undefined
        : await link.tell("L", headerData(name, valueOf(line, link.agreement.wants("leadingSpace"))));
    if (answer !== undefined && answer.kind !== "continue") {
      return answer;
    }
  }
  const answer = await link.tell("N");
  return answer.kind === "continue" ? undefined : answer;
}

/** What is behind the colon, in the form of the protocol. */
function valueOf(line: string, leadingSpace: boolean): string {
  const value = line
    .slice(line.indexOf(":") + 1)
    .replace(/\r\n$/, "")
    .replaceAll("\r\n", "\n");
  return leadingSpace ? value : value.replace(/^[ \t]/, "");
}

/** The same of the body. */
async function showBody(link: Link, first: Buffer, pieces: AsyncIterator<Buffer>): Promise<MilterAnswer | undefined> {
  if (!link.hears("B")) {
    return undefined;
  }
  for await (const chunk of chunksOf(first, pieces)) {
    const answer = await link.tell("B", chunk);
    if (answer.kind === "skip" && link.agreement.wants("skip")) {
      return undefined;
    }
    if (answer.kind !== "continue") {
      return answer;
    }
  }
  return undefined;
}

/** In pieces of the size that milters expect. */
async function* chunksOf(first: Buffer, pieces: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let held = [first];
  let size = first.length;
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    held.push(next.value);
    size += next.value.length;
    if (size >= chunkSize) {
      const all = Buffer.concat(held);
      const whole = size - (size % chunkSize);
      for (let at = 0; at < whole; at += chunkSize) {
        yield all.subarray(at, at + chunkSize);
      }
      held = [all.subarray(whole)];
      size -= whole;
    }
  }
  const last = Buffer.concat(held);
  for (let at = 0; at < size; at += chunkSize) {
    yield last.subarray(at, at + chunkSize);
  }
}

/** Up to the verdict. */
async function takeChanges(link: Link, message: Message): Promise<MessageResult> {
  const gathered = new GatheredChanges(message);
  try {
    const said = link.end();
    let next = await said.next();
    for (; next.done !== true; next = await said.next()) {
      requireAgreed(link.agreement, next.value);
      await gathered.take(asWritten(next.value, link.agreement));
    }
    await gathered.end();
    return { answer: next.value, isComplete: true, changes: gathered.changes };
  } catch (error) {
    gathered.abandon(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** A header value with what is behind the colon; "" takes a field away. */
function asWritten(change: Change, { wants }: Agreement): Change {
  return "value" in change && change.value !== "" && !wants("leadingSpace")
    ? { ...change, value: ` ${change.value}` }
    : change;
}

/** @throws Error for a change that was not agreed on */
function requireAgreed({ may }: Agreement, { kind }: Change): void {
  const also = kind === "add recipient" && may("addRecipientsWithParameters");
  if (!may(needed[kind]) && !also) {
    throw new Error(`${kind}, which was not agreed on`);
  }
}
