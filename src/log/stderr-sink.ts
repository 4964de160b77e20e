/** Lines to standard error: the journal, multilog, a terminal. */
import { fstatSync } from "node:fs";

import { textOf } from "./line.ts";
import { LineWriter } from "./line-writer.ts";
import { isUrgent } from "./sink.ts";
import type { Level, Sink } from "./sink.ts";

const stderr = 2;

/** Priorities of syslog(3), as sd-daemon(3) reads them in front of a line. */
const priorities: Readonly<Record<Level, string>> = { debug: "<7>", info: "<6>", warning: "<4>", error: "<3>" };

/** Whether a descriptor is the stream to systemd's journal that JOURNAL_STREAM names (systemd.exec(5)): not so in a pipe. */
export function isJournal(descriptor: number, stream: string | undefined): boolean {
  if (stream === undefined) {
    return false;
  }
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** The sink of this process' standard error. */
export function openStderr(): Sink {
  const toJournal = isJournal(stderr, process.env["JOURNAL_STREAM"]);
  const prefixOf = (level: Level): string => (toJournal ? priorities[level] : "");
  const writer = new LineWriter(stderr, prefixOf("warning"));
  return {
    write: (level, line) => writer.write(toJournal ? prefixOf(level) + textOf(line) : line, isUrgent(level)),
    reopen: () => undefined,
    close: () => writer.drain(),
  };
}
