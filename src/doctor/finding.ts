/** What `goodmailto doctor` found, as data; how it is printed is the verb's. */

/** One thing that was looked at. */
export interface Finding {
  /** "directory", "mail server", "certificate". */
  readonly what: string;
  readonly state: "ok" | "warning" | "fault";
  /** In one line. */
  readonly said: string;
  /** What to do about it; none where all is well. */
  readonly advice?: string;
}

/** All is well. */
export const ok = (what: string, said: string): Finding => ({ what, state: "ok", said });

/** It works, and may not for long. */
export const warning = (what: string, said: string, advice: string): Finding => ({
  what,
  state: "warning",
  said,
  advice,
});

/** It does not work. */
export const fault = (what: string, said: string, advice: string): Finding => ({ what, state: "fault", said, advice });
