/** Lists in memory as real sources, syncs of them, and a log that remembers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

import { normalKey, parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import type { Log, LogFields } from "../../src/report/log.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { runSync } from "../../sync/run/full.ts";
import type { JobOptions, SyncOutcome } from "../../sync/run/full.ts";
import { SourceFault } from "../../sync/source.ts";
import type { FoundAddress, Source } from "../../sync/source.ts";

/** An empty folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gmto-snapshot-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Reads an address that must be one. */
export function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed === undefined) {
    throw new TypeError(`"${text}" is no mailbox`);
  }
  return parsed;
}

/** One thing that a source gives. */
export function found(text: string, kind: Kind = "account", entry = `CN=${text}`): FoundAddress {
  const { user, domain } = mailbox(text);
  return { key: normalKey(user, domain), kind, entry };
}

/** What a source does beside giving its list. */
export interface Behaviour {
  readonly domains?: readonly string[];
  /** Ends with this error after half of the list. */
  readonly fault?: string;
  /** Waits before it gives anything. */
  readonly wait?: (signal: AbortSignal) => Promise<void>;
}

/** A source with a list in memory, given in batches of seven. */
export function listSource(name: string, list: readonly (string | FoundAddress)[], behaviour: Behaviour = {}): Source {
  const { domains = [], fault, wait } = behaviour;
  const all = list.map((item) => (typeof item === "string" ? found(item) : item));
  return {
    name,
    domains,
    async *read(signal) {
      await wait?.(signal);
      const part = fault === undefined ? all : all.slice(0, all.length / 2);
      for (let at = 0; at < part.length; at += 7) {
        const batch = part.slice(at, at + 7);
        yield { entries: batch.length, found: batch, skipped: {} };
      }
      if (fault !== undefined) {
        throw new SourceFault("incomplete", fault);
      }
    },
  };
}

/** `a0@kontor.example` to `aN-1@kontor.example`. */
export function addresses(count: number, prefix = "a"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}@kontor.example`);
}

/** One line of the log. */
export interface Line {
  readonly level: string;
  readonly part: string;
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines. */
export function memoryLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (part: string, event: string, fields: LogFields = {}): void =>
      void lines.push({ level, part, event, fields });
  return { lines, debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error"), verdict() {} };
}

/** Syncs with settings that tests seldom care about. */
export function sync(
  path: string,
  sources: readonly Source[],
  options: Partial<JobOptions> = {},
): Promise<SyncOutcome> {
  return runSync({
    sources,
    settings: { max_shrink: 0.1, keep: 3 },
    path,
    log: memoryLog(),
    signal: new AbortController().signal,
    now: () => 1_700_000_000_000,
    version: "0",
    ...options,
  });
}

/** Syncs, and insists that it was published. */
export async function publish(
  path: string,
  sources: readonly Source[],
  options: Partial<JobOptions> = {},
): Promise<void> {
  const outcome = await sync(path, sources, options);
  if (outcome.kind !== "published") {
    throw new Error(`Cannot publish: ${JSON.stringify(outcome)}`);
  }
}
