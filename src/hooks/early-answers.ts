/**
 * Questions that are asked early and whose answers are awaited late: DNS works while the client talks. One deadline
 * holds for all that is awaited of one owner; what is not there by then counts as not asked.
 */
import type { CheckSession } from "./check-session.ts";
import { within } from "../wait/within.ts";
import { noteOf } from "./notes.ts";
import type { Note, NoteOwner } from "./notes.ts";
import { pass } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

/** An answer, or undefined if it did not come in time. */
export type Heard<T> = T | undefined | Promise<T | undefined>;

interface Asked<T> {
  readonly answers: Heard<T>[];
  /** From the first wait on. */
  isLimited: boolean;
}

/** Answers about one session or one transaction, in the order in which they were asked for. */
export class EarlyAnswers<T> {
  readonly #patience: number;
  readonly #asked: Note<Asked<T>>;

  /** @param patience ms from the first time that somebody waits @param owner what is asked about */
  constructor(patience: number, owner: NoteOwner) {
    this.#patience = patience;
    this.#asked = noteOf<Asked<T>>(owner);
  }

  /** Asks, unless that was done. @param ask answers that never reject */
  begin(session: CheckSession, ask: () => readonly (T | Promise<T>)[]): Asked<T> {
    const before = this.#asked.get(session);
    if (before !== undefined) {
      return before;
    }
    const asked: Asked<T> = { answers: [...ask()], isLimited: false };
    asked.answers.forEach((answer, i) => {
      if (answer instanceof Promise) {
        void answer.then((known) => (asked.answers[i] = known));
      }
    });
    this.#asked.set(session, asked);
    return asked;
  }

  /** The first answer, in the order of the questions, of which something is made; asks where nobody has yet. */
  first<U>(
    session: CheckSession,
    ask: () => readonly (T | Promise<T>)[],
    pick: (answer: T, index: number) => U | undefined,
  ): U | undefined | Promise<U | undefined> {
    const asked = this.begin(session, ask);
    if (!asked.isLimited && asked.answers.some((answer) => answer instanceof Promise)) {
      this.#limit(asked);
    }
    return firstFrom(asked.answers, 0, pick);
  }

  /** The verdict on the first answer that makes one; pass if none does. */
  judge<V extends Verdict>(
    session: CheckSession,
    ask: () => readonly (T | Promise<T>)[],
    judge: (answer: T, index: number) => V | undefined,
  ): V | typeof pass | Promise<V | typeof pass> {
    const found = this.first(session, ask, judge);
    return found instanceof Promise ? found.then((verdict) => verdict ?? pass) : (found ?? pass);
  }

  #limit(asked: Asked<T>): void {
    asked.isLimited = true;
    asked.answers.forEach((answer, i) => {
      if (answer instanceof Promise) {
        const limited = within(answer, this.#patience, "no answer in time").catch(() => undefined);
        asked.answers[i] = limited;
        void limited.then((known) => (asked.answers[i] = known));
      }
    });
  }
}

function firstFrom<T, U>(
  answers: readonly Heard<T>[],
  from: number,
  pick: (answer: T, index: number) => U | undefined,
): U | undefined | Promise<U | undefined> {
  for (let i = from; i < answers.length; i++) {
    const answer = answers[i];
    const isThere = !(answer instanceof Promise);
    if (!isThere) {
      return answer.then((known) => {
        const made = known === undefined ? undefined : pick(known, i);
        return made ?? firstFrom(answers, i + 1, pick);
      });
    }
    const made = answer === undefined ? undefined : pick(answer, i);
    if (made !== undefined) {
      return made;
    }
  }
  return undefined;
}
