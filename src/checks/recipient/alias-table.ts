/** Alias files as they are looked up: each name with the addresses that it comes to in the end. */
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { normalKey, parseMailbox, withoutExtension } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { spellings } from "../../mail/domains.ts";
import type { Domains } from "../../mail/domains.ts";
import { joinLines, readAliasLine } from "./alias-lines.ts";
import type { AliasFormat, AliasLine } from "./alias-lines.ts";

/** What an address is expanded to. */
export interface Expansion {
  readonly mailboxes: readonly [Mailbox, ...Mailbox[]];
  readonly options: ReadonlyMap<string, string>;
}

/** How a file is read. */
export interface AliasUse {
  readonly format: AliasFormat;
  readonly domains: Domains;
  readonly sameNextHop: (mailboxes: readonly Mailbox[]) => boolean;
  /** Characters that begin a detail, `+lists`, which goes on to each address. */
  readonly delimiter: string;
  readonly depth: number;
  readonly most: number;
}

/** A detail that may be put behind any user part. */
const plainDetail = /^[A-Za-z0-9!#$&'*+\-/=?^_`{|}~.]*$/;

/** An alias file, ready for lookups. */
export class AliasTable {
  readonly #lines = new Map<string, AliasLine>();
  readonly #ends = new Map<AliasLine, readonly Mailbox[]>();
  readonly #use: AliasUse;
  /** The recipient that was looked up last: it is introduced first, and asked about later. */
  #latest: { readonly recipient: Mailbox; readonly expansion: Expansion | undefined } | undefined;

  private constructor(use: AliasUse) {
    this.#use = use;
  }

  /** Reads a list. A line that cannot be used, or that leads back to itself, is left out. */
  static read(entries: readonly ListEntry[], skip: Remark, warn: Remark, use: AliasUse): AliasTable {
    const table = new AliasTable(use);
    const lines = new Set<AliasLine>();
    for (const entry of joinLines(entries)) {
      const line = readAliasLine(entry, use.format);
      if (typeof line === "string") {
        skip(entry, line);
      } else {
        lines.add(line);
        table.#add(line, warn);
      }
    }
    for (const line of lines) {
      table.#finish(line, skip, warn);
    }
    return table;
  }

  get size(): number {
    return this.#ends.size;
  }

  /** What an address in a relay domain is expanded to; undefined if no line has it. */
  find(recipient: Mailbox): Expansion | undefined {
    if (this.#latest?.recipient !== recipient) {
      this.#latest = { recipient, expansion: this.#expansionOf(recipient) };
    }
    return this.#latest.expansion;
  }

  #expansionOf(recipient: Mailbox): Expansion | undefined {
    const found = this.#find(recipient);
    const ends = found && this.#ends.get(found.line);
    if (found === undefined || ends === undefined) {
      return undefined;
    }
    const mailboxes: Mailbox[] = [];
    for (const end of ends) {
      const mailbox = withDetail(end, found.detail, end.domain === "" ? domainOf(recipient) : "");
      if (mailbox === undefined) {
        return undefined;
      }
      mailboxes.push(mailbox);
    }
    const [first, ...rest] = mailboxes;
    return first === undefined ? undefined : { mailboxes: [first, ...rest], options: found.line.options };
  }

  #add(line: AliasLine, warn: Remark): void {
    for (const key of line.keys) {
      if (this.#lines.has(key)) {
        warn(line.entry, `"${key}" was there before: the first line counts`);
      } else {
        this.#lines.set(key, line);
      }
    }
  }

  #finish(line: AliasLine, skip: Remark, warn: Remark): void {
    const ends = new Map<string, Mailbox>();
    const fault = this.#expand(line, "", new Set(), ends);
    if (fault !== undefined) {
      skip(line.entry, fault);
      return;
    }
    const { domains, sameNextHop } = this.#use;
    if (!sameNextHop([...ends.values()])) {
      warn(line.entry, "leads to addresses with different next hops: it is answered with 451");
    }
    const foreign = [...ends.values()].find(({ domain }) => domain !== "" && domains.canonical(domain) === undefined);
    if (foreign !== undefined) {
      warn(line.entry, `leads to <${foreign.raw}> outside of the relay domains: only relay clients may write to it`);
    }
    this.#ends.set(line, [...ends.values()]);
  }

  /** Collects what a line comes to in the end. @returns why it cannot be used */
  #expand(line: AliasLine, detail: string, path: Set<AliasLine>, ends: Map<string, Mailbox>): string | undefined {
    if (path.has(line)) {
      return "leads back to itself";
    }
    if (path.size >= this.#use.depth) {
      return `is more than ${this.#use.depth} lines deep`;
    }
    path.add(line);
    for (const { mailbox, isFinal } of line.targets) {
      const target = withDetail(mailbox, detail, "");
      if (target === undefined) {
        return `leads to an address that is too long: <${mailbox.raw}> with ${detail}`;
      }
      const key = this.#keyOf(target);
      // A line that names itself keeps a copy.
      const further = isFinal || line.keys.includes(key) ? undefined : this.#find(target);
      if (further !== undefined) {
        const fault = this.#expand(further.line, further.detail, path, ends);
        if (fault !== undefined) {
          return fault;
        }
        continue;
      }
      ends.set(key, target);
      if (ends.size > this.#use.most) {
        return `leads to more than ${this.#use.most} addresses`;
      }
    }
    path.delete(line);
    return undefined;
  }

  #keyOf({ user, domain }: Mailbox): string {
    return normalKey(user, this.#use.domains.canonical(domain) ?? domain);
  }

  /** The line of an address, the most exact first: itself, without its detail; without its domain. */
  #find(mailbox: Mailbox): { readonly line: AliasLine; readonly detail: string } | undefined {
    const { user } = mailbox;
    const whole = this.#lineOf(user, mailbox);
    if (whole !== undefined) {
      return { line: whole, detail: "" };
    }
    for (const base of withoutExtension(user, this.#use.delimiter)) {
      const detail = user.slice(base.length);
      const line = plainDetail.test(detail) ? this.#lineOf(base, mailbox) : undefined;
      if (line !== undefined) {
        return { line, detail };
      }
    }
    return undefined;
  }

  #lineOf(user: string, mailbox: Mailbox): AliasLine | undefined {
    const { domains } = this.#use;
    for (const spelled of spellings(mailbox, domains)) {
      const line = this.#lines.get(normalKey(user, spelled.domain));
      if (line !== undefined) {
        return line;
      }
    }
    const isLocal = mailbox.domain === "" || domains.canonical(mailbox.domain) !== undefined;
    return isLocal ? this.#lines.get(normalKey(user, "")) : undefined;
  }
}

/** The domain of an address as it came, with the "@". */
function domainOf({ raw, domain }: Mailbox): string {
  return domain === "" ? "" : raw.slice(raw.lastIndexOf("@"));
}

/** An address with a detail behind its user part, and a domain if it had none. */
function withDetail({ raw, domain }: Mailbox, detail: string, added: string): Mailbox | undefined {
  const at = domain === "" ? raw.length : raw.lastIndexOf("@");
  const [local, rest] = [raw.slice(0, at), raw.slice(at) + added];
  return parseMailbox(local.endsWith('"') ? `${local.slice(0, -1)}${detail}"${rest}` : `${local}${detail}${rest}`);
}
