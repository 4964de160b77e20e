/** What a source gives to the sync job: complete lists or an error, never a part as if it were all. */
import type { Key } from "../src/mail/address.ts";
import type { Kind } from "../src/snapshot/format.ts";
import type { LeftOut } from "./left-out.ts";

/** One deliverable key, with its origin. */
export interface FoundAddress {
  readonly key: Key;
  readonly kind: Kind;
  /** The entry's DN, or "file:line". */
  readonly entry: string;
  /** Who may write to it, see rules.ts; not given: everybody. */
  readonly rule?: string;
  /** See `refused` of src/snapshot/format.ts; not given: it is there. */
  readonly gone?: number;
}

/** An entry that may be named as a sender. */
export interface Person {
  /** Folded by `foldDn`. */
  readonly dn: string;
  /** Its addresses, of whatever domain. */
  readonly keys: readonly string[];
}

/** One page's worth. */
export interface Batch {
  /** Entries read, deliverable or not. */
  readonly entries: number;
  readonly found: readonly FoundAddress[];
  /** Values that gave no key, counted by why ("foreign domain", "invented address", "no address" …). */
  readonly skipped: Readonly<Record<string, number>>;
  /** The same values themselves; not given: none. */
  readonly left?: readonly LeftOut[];
  /** Entries that other entries may name as senders. */
  readonly people?: readonly Person[];
  /** What a person should look at, though the list is complete. */
  readonly hints?: readonly Hint[];
  /** With the last batch: up to where changes are known now, in the source's own words; not given: not known. */
  readonly reached?: string;
  /** What came so far is to be forgotten: it comes once more, asked for in another way. */
  readonly again?: true;
  /** The list is complete: what comes behind this batch are hints, which nobody has to wait for. Not given: its end says so. */
  readonly complete?: true;
}

/** What a person should know of a source whose list is complete. */
export interface Hint {
  /** info: usual in many directories. */
  readonly level: "info" | "warning";
  readonly text: string;
}

/** Takes an error that did not end the reading. */
export type Notice = (fault: SourceFault) => void;

/** A directory, an LDIF file or a list, ready to be read once. */
export interface Source {
  readonly name: string;
  /** Relay domains in which its bare user parts are valid; empty is all. */
  readonly domains: readonly string[];
  /** Its catch-alls count only where `catch_all` is "directory". */
  readonly isDirectory?: boolean;
  /**
   * Reads everything. The iteration ends normally only if the source said that the list is complete.
   * @param notice is called with what went wrong and was got over, a server that was left out for the next one
   * @throws SourceFault when it is not; what came before must be thrown away
   */
  read(signal: AbortSignal, notice?: Notice): AsyncIterable<Batch>;
  /**
   * Reads what came since then, and perhaps more. Not given: the source cannot tell.
   * @throws SourceFault as `read`, also where only a full reading helps
   */
  readChanges?(reached: string, signal: AbortSignal): AsyncIterable<Batch>;
  /**
   * What became of addresses that were read before, whatever the filter. Not given: the source cannot tell.
   * @returns one for each, in the same order; undefined where it cannot tell
   * @throws SourceFault as `read`
   */
  lookAt?(
    lost: readonly LostAddress[],
    before: ReadBefore,
    signal: AbortSignal,
  ): Promise<readonly (Fate | undefined)[]>;
}

/** The reading that gave them. */
export interface ReadBefore {
  /** ms since 1970. */
  readonly readAt: number;
  /** As in `Batch`. */
  readonly reached: string;
}

/** An address that the new list lacks. */
export interface LostAddress {
  /** As in `FoundAddress`. */
  readonly key: string;
  readonly entry: string;
}

/** left: the entry is gone, or somebody changed it since then. there: it is as it was. */
export type Fate = "left" | "there";

/** Whether it can tell what changed since it was read. */
export function hasDeltas(source: Source): boolean {
  return source.readChanges !== undefined;
}

/** A list that is incomplete. The message names the server and the action, `reason` is for the log. */
export class SourceFault extends Error {
  readonly reason:
    | "connect"
    | "tls"
    | "bind"
    | "search"
    | "incomplete"
    | "referral"
    | "timeout"
    | "unreadable"
    | "format";

  /** It speaks of the server's certificate. */
  readonly isCertificate: boolean;
  /** The server's result code, if it has one that the list depends on. */
  readonly code: number | undefined;

  constructor(
    reason: SourceFault["reason"],
    message: string,
    options: ErrorOptions & { readonly certificate?: boolean; readonly code?: number } = {},
  ) {
    super(message, options);
    this.name = "SourceFault";
    this.reason = reason;
    this.isCertificate = options.certificate === true;
    this.code = options.code;
  }
}
