/** Opens the snapshot as the settings ask: with the key, the signers and the memory that they name. */
import type { Settings } from "../config/sections.ts";
import { silentLog } from "../report/log.ts";
import type { Log } from "../report/log.ts";
import { inFile, inMemory } from "../snapshot/newest.ts";
import type { Newest } from "../snapshot/newest.ts";
import { openSnapshot } from "../snapshot/reader.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { readTrust } from "../snapshot/trust.ts";
import type { Trust } from "../snapshot/trust.ts";
import type { Wait } from "../snapshot/waiting.ts";
import { exit } from "../ops/exit.ts";
import { FileFault } from "./file-fault.ts";
import { sharedCopies } from "./shared-copies.ts";
import { errorMessage } from "../report/error-message.ts";

/** What `[snapshot]` and `[recipients] match` trust. @throws FileFault */
export function trustOf({ snapshot, recipients }: Pick<Settings, "snapshot" | "recipients">): Trust {
  try {
    return readTrust(snapshot, recipients.match);
  } catch (error) {
    throw new FileFault(errorMessage(error), { cause: error });
  }
}

/** `[snapshot] canary`. @param keeps whether the list that serves is kept for the next start: by the relay alone */
export function waitOf({ snapshot }: Pick<Settings, "snapshot">, keeps: boolean): Wait {
  return { time: snapshot.canary, file: snapshot.served_file, keeps };
}

/**
 * The snapshot of a relay, which remembers the newest that it took.
 * @param keeps as for `waitOf` @throws FileFault
 */
export function openServed(settings: Settings, log: Log, keeps: boolean): SnapshotReader {
  const { path, newest_file: newestFile } = settings.snapshot;
  const tell = (why: string): void => log.warning("snapshot", "newest_file not written", { path: newestFile, why });
  const newest = newestFile === "" ? inMemory() : inFile(newestFile, tell);
  return openSnapshot(path, log, {
    trust: trustOf(settings),
    newest,
    copies: sharedCopies(),
    wait: waitOf(settings, keeps),
  });
}

/** As {@link trustOf}, for a command: an error is on stderr, the exit code set, and the answer undefined. */
export function trustForCommand(settings: Settings): Trust | undefined {
  try {
    return trustOf(settings);
  } catch (error) {
    process.stderr.write(`goodmailto: ${errorMessage(error)}\n`);
    process.exitCode = exit.config;
    return undefined;
  }
}

/** What `newest_file` remembers at this moment, for a command: it refuses what the relay refuses, and writes nothing. */
export function newestKnown({ newest_file: file }: Pick<Settings["snapshot"], "newest_file">): Newest {
  const newest = inMemory();
  if (file !== "") {
    newest.take(inFile(file, () => undefined).created);
  }
  return newest;
}

/** The snapshot for a command that asks it a few questions. */
export function openForCommand(settings: Settings): SnapshotReader | undefined {
  const trust = trustForCommand(settings);
  const { snapshot } = settings;
  const wait = waitOf(settings, false);
  return trust && openSnapshot(snapshot.path, silentLog, { trust, newest: newestKnown(snapshot), wait });
}
