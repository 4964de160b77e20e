/** A constant database as an administrator makes it, by tinycdb. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @param records key → value, Latin-1 */
export function makeCdb(records: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-cdb-"));
  try {
    const lines = Object.entries(records).map(([key, value]) => `+${key.length},${value.length}:${key}->${value}\n`);
    execFileSync("cdb", ["-c", join(folder, "map.cdb")], { input: `${lines.join("")}\n` });
    return readFileSync(join(folder, "map.cdb"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
