/**
 * The places that counting addresses have left: reserved from RCPT on, so that two sessions cannot both take the last one.
 */
import type { Conclusion } from "../../hooks/check.ts";
import type { CheckSession, Recipient } from "../../hooks/check-session.ts";
import { noteOf } from "../../hooks/notes.ts";
import type { Later } from "../../state/store.ts";
import type { Counted, Table } from "../../state/table.ts";

/** Counts the uses of disposable addresses. */
export class DisposablePlaces {
  readonly #counts: Table<number>;
  /** By key, the recipients of a transaction for which a place is reserved. */
  readonly #held = noteOf<Map<string, Recipient[]>>("transaction");

  constructor(counts: Table<number>) {
    this.#counts = counts;
  }

  /**
   * Takes a place for the recipient under question; a second one of its transaction shares it. A store that is
   * unavailable has room for all.
   */
  take(session: CheckSession, key: string, most: number): Later<boolean> {
    if (this.#held.get(session)?.has(key) === true) {
      this.#hold(session, key);
      return true;
    }
    return this.count(key, most, (isLeft) => {
      if (isLeft) {
        this.#hold(session, key);
      } else {
        void this.#release(key);
      }
    });
  }

  /** Counts, and says whether a place was left. @param then is called with the same once the store answers */
  count(key: string, most: number, then?: (isLeft: boolean) => void): Later<boolean> {
    const judge = (counted: Counted): boolean => {
      if (counted.kind !== "counted") {
        return true;
      }
      const isLeft = counted.count <= most;
      then?.(isLeft);
      return isLeft;
    };
    const counted = this.#counts.add(key);
    return counted instanceof Promise ? counted.then(judge) : judge(counted);
  }

  /** Gives back the places of recipients that got no message. Where nobody knows, they count as used. */
  conclude(session: CheckSession, conclusion: Conclusion): void {
    const accepted = session.transaction?.accepted ?? [];
    for (const [key, holders] of this.#held.get(session) ?? []) {
      if (conclusion === "not delivered" || !holders.some((holder) => accepted.includes(holder))) {
        void this.#release(key);
      }
    }
  }

  #hold(session: CheckSession, key: string): void {
    const { rcpt } = session;
    if (rcpt === undefined) {
      // The client went away while the store answered.
      void this.#release(key);
      return;
    }
    const held = this.#held.get(session) ?? new Map<string, Recipient[]>();
    this.#held.set(session, held.set(key, [...(held.get(key) ?? []), rcpt]));
  }

  /** A count of nothing is forgotten. */
  async #release(key: string): Promise<void> {
    const counted = await this.#counts.add(key, -1);
    if (counted.kind === "counted" && counted.count <= 0) {
      await this.#counts.compareAndSet(key, counted.count, undefined);
    }
  }
}
