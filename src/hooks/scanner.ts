/**
 * Scanners of messages: one contract for daemons and programs. How one of them is asked is its transport
 * (src/scanners); size limit, deadlines and the breaker are the service's, and alike for all of them.
 */

/** Nothing was found. */
export interface Clean {
  readonly kind: "clean";
}

/** Something was found; the name is the scanner's. */
export interface Found {
  readonly kind: "found";
  readonly name: string;
}

/** The message was weighed. */
export interface Score {
  readonly kind: "score";
  readonly score: number;
  /** From which score on the scanner itself would call it spam. */
  readonly required: number;
  /** Header fields for the message, without line ending, folded lines as one. */
  readonly headers: readonly string[];
}

/** There is no answer: the message is too large to be asked about, or the scanner has none. */
export type NoAnswer =
  | { readonly kind: "skipped"; readonly why: string }
  | { readonly kind: "unavailable"; readonly why: string };

/** Any answer: each transport has its own. */
export interface Answered {
  readonly kind: string;
}

/** One message at a scanner, as its transport has it. What fails rejects; the service makes `unavailable` of it. */
export interface TransportScan<Answer extends Answered> {
  /** Takes content without dot-stuffing. A promise asks to wait. */
  take(content: Buffer): void | Promise<void>;
  /** The message is complete. */
  end(): Promise<Answer>;
  /** Nobody wants an answer any more; also called when `end` is under way. */
  abandon(): void;
}

/** How a scanner is asked. */
export interface Transport<Answer extends Answered> {
  /** Where it is, for the log. One place has one breaker, whoever asks. */
  readonly place: string;
  open(): TransportScan<Answer>;
}

/** Bounds of one check's questions. */
export interface ScanLimits {
  /** Bytes; larger messages are not asked about. */
  readonly maxSize: number;
  /** ms: the longest that the scanner may take no data, and what it may take to answer to a complete message. */
  readonly timeout: number;
}

/** One message at a scanner. It never rejects, so that the check has its say at the end. */
export interface Scan<Answer extends Answered> {
  /** A promise asks to wait, no longer than the time limit. */
  take(content: Buffer): void | Promise<void>;
  /** @param signal aborts when nobody waits for the answer any more */
  end(signal: AbortSignal): Promise<Answer | NoAnswer>;
  abandon(): void;
}

/** A scanner with its limits. */
export interface Scanner<Answer extends Answered> {
  /** Begins with a message that streams. */
  begin(): Scan<Answer>;
  /** Asks about a message that is held. */
  scan(content: AsyncIterable<Buffer>, signal: AbortSignal): Promise<Answer | NoAnswer>;
}

/** What is known of a place that a check asks in its own way: whether it may be asked now, and what the log hears of it. */
export interface PlaceGuard {
  /** Whether it may be asked. Each question that may is ended by one of the next three. */
  admit(): boolean;
  succeeded(): void;
  /** Counted, and logged once a minute. */
  failed(why: string): void;
  /** Ended without a word on the place. */
  withdrew(): void;
  /** There is no answer, since it was not asked: counted and logged alike. */
  unasked(): void;
}

/** The service. */
export interface Scanners {
  /** Folder for files that programs scan. */
  readonly folder: string;
  open<Answer extends Answered>(transport: Transport<Answer>, limits: ScanLimits): Scanner<Answer>;
  /** @param place as in {@link Transport} */
  guard(place: string): PlaceGuard;
}
