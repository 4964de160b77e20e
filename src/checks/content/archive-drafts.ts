/** Messages on their way into an archive: each in a file without a name until its fate is known. */
import { close } from "node:fs";

import { FileWriter } from "../../files/file-writer.ts";
import { withoutReturns } from "../../message/local-lines.ts";
import { openNameless } from "../../message/spool.ts";
import { errorMessage } from "../../report/error-message.ts";
import type { Log } from "../../report/log.ts";
import { within } from "../../wait/within.ts";
import { keep } from "./archive-place.ts";
import type { ArchivePlace } from "./archive-place.ts";

/** Messages that are held until their end, or until they are kept; each has a file open. */
const mostDrafts = 200;
/** A slower disk loses the copy and does not hold the client; ms. */
const patience = 1000;
/** After a failure nothing is tried for this long, ms. */
const rest = 60_000;

/** A message on its way into a file without a name. */
export class Draft {
  readonly file: number;
  readonly #writer: FileWriter;
  size = 0;
  isWhole = false;
  isLost = false;

  constructor(folder: string) {
    this.file = openNameless(folder);
    this.#writer = new FileWriter(this.file);
  }

  take(content: Buffer): Promise<void> | undefined {
    const lines = withoutReturns(content);
    this.size += lines.length;
    return this.#writer.write(lines) ? undefined : this.#writer.drained();
  }

  /** @throws what the file system throws */
  end(): Promise<void> {
    return this.#writer.end();
  }

  release(): void {
    // The writer uses the descriptor; nothing waits for it.
    void this.#writer.drained().then(() => close(this.file, () => undefined));
  }
}

/** All of one archive. */
export class Drafts {
  readonly #place: ArchivePlace;
  readonly #label: string;
  readonly #log: Log;
  readonly #now: () => number;
  #open = 0;
  #restUntil = Number.NEGATIVE_INFINITY;

  /** @param label under which failures are logged @param now ms since 1970 */
  constructor(place: ArchivePlace, label: string, log: Log, now: () => number) {
    this.#place = place;
    this.#label = label;
    this.#log = log;
    this.#now = now;
  }

  /** Undefined: this message cannot be kept. */
  begin(session: string): Draft | undefined {
    if (this.#now() < this.#restUntil) {
      return undefined;
    }
    try {
      if (this.#open >= mostDrafts) {
        throw new Error(`${mostDrafts} others are being kept`);
      }
      const draft = new Draft(this.#place.folder);
      this.#open++;
      return draft;
    } catch (error) {
      this.#failed(session, error);
      return undefined;
    }
  }

  /** Takes content; a promise is to be waited for. */
  take(draft: Draft, content: Buffer, session: string): Promise<void> | undefined {
    const wait = draft.isLost ? undefined : draft.take(content);
    return (
      wait &&
      within(wait, patience, "the disk is too slow").catch((error: unknown) => {
        draft.isLost = true;
        this.#failed(session, error);
      })
    );
  }

  drop(draft: Draft): void {
    this.#open--;
    draft.release();
  }

  /** Rejects never. @param sender "" for the null sender */
  async save(draft: Draft, sender: string, session: string): Promise<void> {
    try {
      await draft.end();
      await keep(this.#place, { file: draft.file, size: draft.size, sender }, new Date(this.#now()));
    } catch (error) {
      this.#failed(session, error);
    }
    this.drop(draft);
  }

  #failed(session: string, error: unknown): void {
    this.#restUntil = this.#now() + rest;
    this.#log.warning(this.#label, "not kept, nothing is kept for a minute", { session, why: errorMessage(error) });
  }
}
