/** `npm run lock`: takes `engines` out of package-lock.json, see test/layout.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const file = join(import.meta.dirname, "../package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, { engines?: unknown }> };
for (const [name, entry] of Object.entries(lock.packages)) {
  if (name !== "") {
    delete entry.engines;
  }
}
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
