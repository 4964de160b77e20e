/** By what an event is found: addresses, client, session, Message-ID, the hop's queue id; each as one number. */
import { hash } from "node:crypto";
import { isIP } from "node:net";

import { normalIp } from "../mail/network.ts";
import type { MailEvent } from "../report/event.ts";

/** 48 bits: what is found by one is compared with what was asked. */
function number(text: string): number {
  return hash("sha1", text, "buffer").readUIntBE(0, 6);
}

/** An address as it is looked for: letter case makes no difference. */
export function normalAddress(address: string): string {
  return address.toLowerCase();
}

/** What may be asked for, each with what an event has of it. */
const kinds = {
  address: ({ sender, recipients }: MailEvent): readonly string[] =>
    (sender === undefined ? recipients : [sender, ...recipients]).map(normalAddress),
  ip: ({ ip }: MailEvent) => [ip],
  session: ({ session }: MailEvent) => [session],
  message: ({ messageId }: MailEvent) => [messageId ?? ""],
  queue: ({ queue }: MailEvent) => [queue ?? ""],
} as const;
type Kind = keyof typeof kinds;

// Object.keys forgets them.
const kindNames = Object.keys(kinds) as Kind[];

/** The keys of an event, each once. */
export function keysOf(event: MailEvent): ReadonlySet<number> {
  return new Set(
    kindNames.flatMap((kind) =>
      kinds[kind](event)
        .filter((text) => text !== "")
        .map((text) => number(`${kind} ${text}`)),
    ),
  );
}

/** What somebody looks for. */
export interface Wanted {
  readonly keys: readonly number[];
  /** Whether an event is meant: a key alone may be another's too. */
  fits(event: MailEvent): boolean;
}

/** An IPv6 address as sockets write it. */
function shortest(text: string): string {
  const ip = normalIp(text);
  return isIP(ip) === 6 ? (URL.parse(`http://[${ip}]/`)?.hostname.slice(1, -1) ?? ip) : ip;
}

/** "SESSION" or "SESSION-3". */
const reference = /^([0-9a-v]{16})(-\d{1,9})?$/;

/** Whether the text is a reference that a sender may quote. */
export function isReference(text: string): boolean {
  return reference.test(text);
}

/**
 * What a text asks for, as an address, a client's IP address, a reference, a Message-ID, or a queue id of a next hop.
 * @param keyed in place of an address what the journal has of it
 */
export function readWanted(given: string, keyed: (address: string) => string = normalAddress): Wanted {
  const text = given.trim();
  const bare = text.replace(/^<(.*)>$/, "$1");
  const [, session, nth] = reference.exec(text) ?? [];
  const asked: [Kind, string][] = [
    ...(bare.includes("@") || text === "" ? [["address", keyed(bare)] satisfies [Kind, string]] : []),
    ...(bare.includes("@") ? [["message", `<${bare}>`] satisfies [Kind, string]] : []),
    ...(isIP(text) > 0 ? [["ip", shortest(text)] satisfies [Kind, string]] : []),
    ...(session === undefined ? [] : [["session", session] satisfies [Kind, string]]),
    ["message", text],
    ["queue", text],
  ];
  return {
    keys: asked.map(([kind, value]) => number(`${kind} ${value}`)),
    fits: (event) =>
      (nth === undefined || event.ref === text) && asked.some(([kind, value]) => kinds[kind](event).includes(value)),
  };
}
