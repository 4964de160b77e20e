/** A SQLite file with vpopmail's table; a writer that never ends is its way to hang. */
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import Database from "better-sqlite3";

import type { StageBuilder } from "../stage.ts";
import { vpopmailRows, vpopmailTable } from "../vpopmail.ts";

export const stage: StageBuilder = {
  isMissing: () => false,
  build(users) {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-sql-"));
    const file = join(folder, "users.sqlite");
    const database = new Database(file);
    database.exec(vpopmailTable);
    for (const row of vpopmailRows(users)) {
      database.prepare("INSERT INTO vpopmail VALUES (?, ?, ?, ?)").run(...row);
    }
    const rename = (from: string, to: string): void => renameSync(from, to);
    return Promise.resolve({
      settings: { url: `sqlite:${file}` },
      leave: async () => rename(file, `${file}.away`),
      hang: async () => {
        database.exec("BEGIN EXCLUSIVE");
      },
      comeBack: async () => {
        if (database.inTransaction) {
          database.exec("ROLLBACK");
        } else {
          rename(`${file}.away`, file);
        }
      },
      close: async () => {
        database.close();
        rmSync(folder, { recursive: true, force: true });
      },
    });
  },
};
