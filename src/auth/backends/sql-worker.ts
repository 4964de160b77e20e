/** The thread of the back end sql: hashes and SQLite, which would both keep the event loop of the relay. */
import { parentPort } from "node:worker_threads";

import Database from "better-sqlite3";

import { fitsCrypt } from "./crypt.ts";
import type { ThreadAnswer, Task } from "./sql-thread.ts";

/** How long the lock of a writer is waited for, ms. */
const patience = 250;

parentPort?.on("message", (task: Task) => {
  work(task).then(
    (value) => parentPort?.postMessage({ id: task.id, value } satisfies ThreadAnswer),
    (error: unknown) =>
      parentPort?.postMessage({
        id: task.id,
        fault: error instanceof Error ? error.message : String(error),
      } satisfies ThreadAnswer),
  );
});

async function work(task: Task): Promise<unknown> {
  return task.kind === "crypt" ? await fitsCrypt(task.password, task.hash) : rowsOf(task);
}

/** Opened for each login: a database that is replaced is seen at once, and a lock is nobody's. */
function rowsOf({ file, sql, values }: Extract<Task, { kind: "sqlite" }>): unknown[] {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: patience });
  try {
    return database.prepare(sql).all(...values);
  } finally {
    database.close();
  }
}
