/** How far a sync is, on a terminal: entries so far and a rate. Elsewhere it says nothing. */

/** One line that is written over again. */
export interface Progress {
  update(entries: number): void;
  /** Clears the line. */
  end(): void;
}

/** What of a stream is needed; process.stderr fits. */
export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Between two updates of the line, in ms. */
const interval = 100;

/** Makes the line. */
export function createProgress(terminal: Terminal, now: () => number): Progress {
  const startedAt = now();
  let shownAt = startedAt;
  let shown = false;
  if (terminal.isTTY !== true) {
    return { update: () => undefined, end: () => undefined };
  }
  return {
    update(entries) {
      const at = now();
      if (at - shownAt >= interval) {
        shownAt = at;
        shown = true;
        const rate = Math.round((entries * 1000) / (at - startedAt));
        terminal.write(`\r\x1b[K${entries} entries, ${rate} a second`);
      }
    },
    end() {
      if (shown) {
        shown = false;
        terminal.write("\r\x1b[K");
      }
    },
  };
}
