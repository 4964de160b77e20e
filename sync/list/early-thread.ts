/** The thread of an early list: fills it from the scratch file, as that grows. */
import { parentPort, workerData } from "node:worker_threads";

import { readGroups } from "../read/groups.ts";
import type { EarlyOrder } from "./early.ts";
import { fillList, openNewList } from "./fill.ts";
import { waitForMore } from "./growth.ts";

const { path, file, growth, deadline }: EarlyOrder = workerData;
const database = openNewList(path);
database.exec("BEGIN");
const rows = fillList(
  database,
  readGroups(file, (at) => waitForMore(growth, at, deadline)),
);
database.exec("COMMIT");
database.close();
parentPort?.postMessage(rows);
