/** Questions to the file of a list, read only. */
import Database from "better-sqlite3";

/**
 * Asks, and closes the file whatever comes of it.
 * @throws what `ask` or SQLite throws
 */
export function askList<T>(path: string, ask: (database: Database.Database) => T): T {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  try {
    return ask(database);
  } finally {
    database.close();
  }
}
