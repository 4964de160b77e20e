/** How long the journal takes to write an event, and to answer who was refused: over a month of files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { MailEvent } from "../../src/report/event.ts";
import { browseJournal } from "../../src/trace/browse.ts";
import type { Browsed, Browsing } from "../../src/trace/browse.ts";
import { finishPart, openPart, PartWriter } from "../../src/trace/part-file.ts";
import { currentPart, partsIn } from "../../src/trace/parts.ts";
import { searchJournal } from "../../src/trace/search.ts";
import { readWanted } from "../../src/trace/search-keys.ts";
import { summarise } from "../../src/trace/summary.ts";
import { deliveryOf, eventOf } from "../trace/events.ts";
import { figure, table } from "./table.ts";

const day = 86_400_000;
const days = 30;
const now = Date.UTC(2026, 10, 30, 23);
const bounds = { keep: days * day, maxSize: 100_000_000_000 };
const batch = 1000;

/** The nth event: one of four is a delivery, clients and addresses come again now and then. */
function nth(i: number, at: number): MailEvent {
  const session = (BigInt(i) * 2_654_435_761n + 1n).toString(32).padStart(16, "0").slice(-16);
  const facts = {
    at,
    session,
    ref: `${session}-1`,
    ip: `10.${(i * 7) % 250}.${(i * 13) % 250}.${(i * 31) % 250}`,
    sender: `sender${(i * 17) % 100_000}@far${i % 1000}.example`,
    recipients: [`user${(i * 29) % 300_000}@kontor.example`],
  };
  return i % 4 === 0 ? deliveryOf({ ...facts, messageId: `<${i}.${at}@far.example>`, queue: `Q${i}` }) : eventOf(facts);
}

function write(folder: string, rows: number): number {
  const began = performance.now();
  const each = Math.ceil(rows / days);
  for (let d = 0; d < days; d++) {
    const at = now - (days - 1 - d) * day;
    const database = openPart(currentPart(folder, bounds, at), () => undefined);
    const writer = new PartWriter(database);
    for (let i = 0; i < each; i += batch) {
      const length = Math.min(batch, each - i);
      writer.write(Array.from({ length }, (_, k) => nth(d * each + i + k, at + i)));
    }
    finishPart(database);
  }
  return performance.now() - began;
}

/** The longest of several runs, ms. */
function slowest(run: () => unknown): number {
  return Math.max(
    ...[1, 2, 3].map(() => {
      const began = performance.now();
      run();
      return performance.now() - began;
    }),
  );
}

/** Writes so many events into a new folder, and asks. @returns a table */
export function measureJournal(rows: number): string {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-bench-journal-"));
  try {
    const written = write(folder, rows);
    const middle = nth(Math.floor(rows / 2 / 4) * 4, now - 15 * day);
    const ask = (text: string): [string, number] => {
      const { found } = searchJournal(folder, readWanted(text), 0, 1000);
      return [`${text}: ${found.length} found`, slowest(() => searchJournal(folder, readWanted(text), 0, 1000))];
    };
    const asked = [
      ask(middle.recipients[0] ?? ""),
      ask(middle.sender ?? ""),
      ask(middle.ip),
      ask(middle.session),
      ask(middle.ref),
      ask(middle.queue ?? ""),
      ask("nobody@nowhere.example"),
    ];
    // As the status page asks: 50 events, and an end after 350 ms.
    const leaf = (what: string, more: Partial<Browsing>): [string, number] => {
      const all = { wanted: undefined, kind: undefined, since: 0, until: now, from: undefined };
      const page = (): Browsed => browseJournal(folder, { ...all, ...more, limit: 50, patience: 350 });
      const { events, isCut } = page();
      return [`page ${what}: ${events.length} found${isCut ? ", cut" : ""}`, slowest(page)];
    };
    const leafed = [
      leaf("of the newest", {}),
      leaf("of a client", { wanted: readWanted(middle.ip) }),
      leaf("of what there is not", { kind: "dropped" }),
      leaf("of an hour long ago", { since: now - 15 * day, until: now - 15 * day + 3_600_000 }),
    ];
    const yesterday = slowest(() => summarise(folder, now - 2 * day, now, 10));
    return table([
      ["", "ms"],
      [`${rows} events in ${partsIn(folder).length} files: writing one`, figure(written / rows)],
      ...asked.map(([what, ms]) => [`trace ${what}`, figure(ms)]),
      ...leafed.map(([what, ms]) => [what, figure(ms)]),
      ["summary of two days", figure(yesterday)],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
