/**
 * An entry of a list of clients: an address, a prefix that ends in a dot or colon, a CIDR block, or the beginning of an
 * address as text. Each list of qpsmtpd's takes some of these; here every list takes all.
 */
import { isIP } from "node:net";

import { Blocks, networkOf, parseNetwork } from "./blocks.ts";
import type { Network } from "./blocks.ts";
import { normalIp } from "./network.ts";

/** What an entry stands for, and what is suspicious about it. */
export type IpEntry =
  | { readonly kind: "network"; readonly network: Network; readonly warning?: string }
  | { readonly kind: "text"; readonly text: string; readonly warning: string };

/** Reads an entry; undefined if it can match no client. */
export function parseIpEntry(text: string): IpEntry | undefined {
  if (isIP(text) !== 0 && !text.includes("%")) {
    return { kind: "network", network: networkOf(normalIp(text)) };
  }
  const network = /^(?:\d{1,3}\.){1,3}$/.test(text) ? parsePrefix(text) : parseNetwork(text);
  if (network !== undefined) {
    const warning = `bits beyond the length of "${text}" do not count`;
    return network.hostBits ? { kind: "network", network, warning } : { kind: "network", network };
  }
  // An octet that cannot be one begins no address.
  const isBeginning = /^\d{1,3}(?:\.\d{1,3}){0,3}$/.test(text)
    ? beginsAddress(text)
    : /^[0-9a-f]{0,4}:[0-9a-f:]*$/i.test(text);
  const mark = text.includes(":") ? ":" : ".";
  const warning = `"${text}" matches every address that begins with it; end it with "${mark}" to match only complete numbers`;
  return isBeginning ? { kind: "text", text: normalIp(text), warning } : undefined;
}

/** `10.1.` is 10.1.0.0/16. */
function parsePrefix(text: string): Network | undefined {
  return parseNetwork(`${text}/${8 * (text.split(".").length - 1)}`);
}

function beginsAddress(text: string): boolean {
  return text.split(".").every((octet) => Number(octet) <= 255 && String(Number(octet)) === octet);
}

/** Entries by the clients that they match. */
export class IpEntries<T> {
  readonly #blocks = new Blocks<T>();
  readonly #texts: (readonly [text: string, value: T])[] = [];
  #size = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds an entry; of two equal ones the first counts. */
  add(entry: IpEntry, value: T): void {
    this.#size++;
    if (entry.kind === "network") {
      this.#blocks.add(entry.network, value);
    } else {
      this.#texts.push([entry.text, value]);
    }
  }

  /** The value of the narrowest network around a client, else of the first text that its address begins with. */
  find(ip: string): T | undefined {
    const address = normalIp(ip);
    return this.#blocks.find(address, -1) ?? this.#texts.find(([text]) => address.startsWith(text))?.[1];
  }
}

/** The clients of a list of texts; undefined if it is empty. What is no entry is left out: settings are checked before. */
export function readIpEntries(texts: readonly string[]): IpEntries<true> | undefined {
  const entries = new IpEntries<true>();
  for (const entry of texts.map(parseIpEntry)) {
    if (entry !== undefined) {
      entries.add(entry, true);
    }
  }
  return entries.size === 0 ? undefined : entries;
}
