/** Which keys a new snapshot adds to the old one, and which it takes away. Vanished ones are not in it. */
import Database from "better-sqlite3";

/** Counts of keys; a key that only moved between sources counts in neither. */
export interface Changes {
  readonly added: number;
  readonly removed: number;
}

const mine = (of: string): string => `FROM (SELECT DISTINCT key FROM ${of}.recipient WHERE gone = 0) AS mine`;
const missing = (from: string, than: string): string =>
  `${mine(from)} WHERE NOT EXISTS (SELECT 1 FROM ${than}.recipient AS other WHERE other.key = mine.key AND other.gone = 0)`;

/**
 * Compares two files.
 * @param oldPath undefined: there is none, all is added
 * @param tell is called with every key, removed ones first, in key order
 */
export function compareSnapshots(
  newPath: string,
  oldPath: string | undefined,
  tell?: (change: "added" | "removed", key: string) => void,
): Changes {
  const database = new Database(newPath, { readonly: true });
  try {
    if (oldPath !== undefined) {
      database.prepare("ATTACH ? AS old").run(oldPath);
    }
    const added = oldPath === undefined ? mine("main") : missing("main", "old");
    const removed = oldPath === undefined ? `${mine("main")} WHERE false` : missing("old", "main");
    if (tell !== undefined) {
      listKeys(database, removed, (key) => tell("removed", key));
      listKeys(database, added, (key) => tell("added", key));
    }
    const count = (sql: string): number => database.prepare<[], number>(`SELECT count(*) ${sql}`).pluck().get() ?? 0;
    return { added: count(added), removed: count(removed) };
  } finally {
    database.close();
  }
}

function listKeys(database: Database.Database, sql: string, tell: (key: string) => void): void {
  for (const key of database.prepare<[], string>(`SELECT key ${sql} ORDER BY key`).pluck().iterate()) {
    tell(key);
  }
}
