/** A process of its own that uses a state file: `node child.ts PATH add COUNT` or `node child.ts PATH forever`. */
import { silentLog } from "../../src/report/log.ts";
import { SqliteStore } from "../../src/state/sqlite.ts";
import { State } from "../../src/state/state.ts";

const [path = "", what = "", times = "0"] = process.argv.slice(2);
const state = new State(new SqliteStore(path, silentLog), silentLog, 25_000);
const table = state.table<number>("counts", { ttl: 3_600_000, most: 100_000 });

/** Adds one; says on standard output how many were surely counted, or why not. */
async function add(): Promise<void> {
  const answer = await table.add("all");
  process.stdout.write(answer.kind === "counted" ? `${answer.count}\n` : `${answer.why}\n`);
}

if (what === "add") {
  await Promise.all(Array.from({ length: Number(times) }, add));
  await state.close();
}
if (what === "fill") {
  // Until the disk is full, then once more after the rest.
  let answer = await table.put("0", 0);
  for (let i = 0; answer.kind === "done" && i < 100_000; i += 500) {
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, j) => table.put(`${i + j} ${"x".repeat(500)}`, j)),
    );
    answer = answers.find(({ kind }) => kind !== "done") ?? answer;
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  await state.close();
}
if (what === "forever") {
  for (;;) {
    await add();
  }
}
