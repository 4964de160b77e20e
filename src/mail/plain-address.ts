/**
 * Addresses as nearly all of them are written, read from their octets: a user part of letters, digits and signs
 * (RFC 5322's dot-atom), and a domain. Keys are the very ones of `parseMailbox` and `normalKey`; for any other text there
 * is none here, and it is for them to read.
 */
import { type Key, normalDomain, normalKey } from "./address.ts";
import { Latest } from "./latest.ts";
import { isBeyondAscii } from "./octets.ts";

/** Octets of an address, as in address.ts. */
const maxLength = 254;
/** Octets of which one text is made, whose parts the keys are; whoever keeps a part keeps all of it. */
const maxText = 128 * 1024;

const [sign, capital, mark] = [1, 2, 4];
const [at, star] = [0x40, 0x2a];
/** What each octet is in a user part; 0: not in one of this kind. */
const kinds = new Uint8Array(256);
for (const [signs, kind] of [
  ["abcdefghijklmnopqrstuvwxyz0123456789$&'*+-.=?^_`|~", sign],
  ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", capital],
  // What makes a name hierarchical, a guest's, or a route (address.ts).
  ["!#%/{}", mark],
] as const) {
  Buffer.from(signs).forEach((octet) => (kinds[octet] = kind));
}

/** What is read. */
export interface PlainForm {
  /** Whether a user part may have any of `! # % / { }`. */
  readonly marks: boolean;
  /** Whether a user part alone is one, too; never with such a sign. */
  readonly bare: boolean;
}

/** A domain as it is written. */
interface Written {
  /** The relay domain that it stands for. */
  readonly domain: string;
  /** They are the same text. */
  readonly isSame: boolean;
}

/** Reads addresses of a few domains, one after another. */
export class PlainAddresses {
  readonly #domain: Latest<Written | undefined>;
  #bytes: Buffer | undefined;
  #text = "";

  /** @param canonical the relay domain that a domain stands for, see src/mail/domains.ts */
  constructor(canonical: (domain: string) => string | undefined) {
    this.#domain = new Latest((bytes, start, end) => {
      const text = bytes.toString("latin1", start, end);
      const domain = isBeyondAscii(text) ? undefined : canonical(normalDomain(text) ?? "");
      return domain === undefined ? undefined : { domain, isSame: domain === text };
    });
  }

  /** The key of an address; undefined: it is for others to read. So is `*@domain`, which may be everybody's. */
  keyOf(bytes: Buffer, start: number, end: number, { marks, bare }: PlainForm): Key | undefined {
    let seen = 0;
    let split = start;
    for (; split < end; split += 1) {
      const kind = kinds[bytes[split] ?? 0] ?? 0;
      if (kind === 0) {
        break;
      }
      seen |= kind;
    }
    if (split === start || end - start > maxLength || ((seen & mark) !== 0 && !(marks && split < end))) {
      return undefined;
    }
    if (split === end) {
      return bare ? normalKey(this.textOf(bytes, start, end), "") : undefined;
    }
    if (bytes[split] !== at || (split === start + 1 && bytes[start] === star)) {
      return undefined;
    }
    const written = this.#domain.of(bytes, split + 1, end);
    if (written === undefined) {
      return undefined;
    }
    if (!written.isSame || (seen & capital) !== 0) {
      return normalKey(this.textOf(bytes, start, split), written.domain);
    }
    // The brand: this is the normal form.
    return this.textOf(bytes, start, end) as Key;
  }

  /** Octets in ASCII as a text. */
  textOf(bytes: Buffer, start: number, end: number): string {
    if (bytes.length > maxText) {
      return bytes.toString("latin1", start, end);
    }
    // One text for all of them, and parts of it, cost a fraction of a text for each.
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#text = bytes.toString("latin1");
    }
    return this.#text.slice(start, end);
  }
}
