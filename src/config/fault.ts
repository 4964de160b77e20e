/** One thing wrong with the configuration, and where. */

/** A place in the file, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with the configuration. */
export interface Fault extends Position {
  readonly file: string;
  /** As placeName writes it; "" for the file as a whole. */
  readonly key: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}
