/** Which keys a new snapshot adds to the old one, and which it takes away. Vanished ones are not in it. */
import Database from "better-sqlite3";

/** Counts of keys; a key that only moved between sources counts in neither. */
export interface Changes {
  readonly added: number;
  readonly removed: number;
}

const keys = (of: string): string => `SELECT key FROM ${of}.recipient WHERE gone = 0`;
/** Both lists are in this order: SQLite merges them, and looks nothing up. */
const missing = (from: string, than: string): string => `${keys(from)} EXCEPT ${keys(than)} ORDER BY key`;

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
    const added = oldPath === undefined ? `${keys("main")} GROUP BY key ORDER BY key` : missing("main", "old");
    const removed = oldPath === undefined ? `${keys("main")} AND false` : missing("old", "main");
    if (tell !== undefined) {
      listKeys(database, removed, (key) => tell("removed", key));
      listKeys(database, added, (key) => tell("added", key));
    }
    const ask = (sql: string): number => database.prepare<[], number>(sql).pluck().get() ?? 0;
    const count = (sql: string): number => ask(`SELECT count(*) FROM (${sql})`);
    // Of one source, no key comes twice.
    const isCounted = oldPath === undefined && ask("SELECT count(*) FROM source") === 1;
    const all = isCounted ? ask("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'rows'") : count(added);
    return { added: all, removed: count(removed) };
  } finally {
    database.close();
  }
}

function listKeys(database: Database.Database, sql: string, tell: (key: string) => void): void {
  for (const key of database.prepare<[], string>(sql).pluck().iterate()) {
    tell(key);
  }
}
