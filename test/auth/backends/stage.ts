/** What the common tests need of each back end: one with known users, which goes away, hangs and comes back. */

/** A back end's real counterpart at work: file, program or server. */
export interface Stage {
  /** As in the configuration, without the time limit. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** It could hold passwords in clear, and does not. */
  readonly isHashed?: boolean;
  /** It is gone, as after a crash. */
  leave(): Promise<void>;
  /** It takes what comes and answers nothing. Absent: what is asked cannot hang. */
  hang?(): Promise<void>;
  /** Ends {@link leave} and {@link hang}. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

/** Exported by test/auth/backends/stages/NAME.ts as `stage`. */
export interface StageBuilder {
  /** Programs that it needs are not installed. Called once. */
  isMissing(): boolean;
  build(users: ReadonlyMap<string, string>): Promise<Stage>;
}

/** The users of every stage, with what a password may be: quotes, backslashes, percent signs, blanks at the end. */
export const users: ReadonlyMap<string, string> = new Map([
  ["alice@kontor.example", "open sesame"],
  ["bob@kontor.example", `a"b\\c'd %s$(id) {5}`],
  ["carol@kontor.example", "pässwörd €"],
  ["dora@kontor.example", "clear sky"],
]);
