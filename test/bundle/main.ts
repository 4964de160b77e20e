/** `npm run bundle`: the program in dist/, which starts in a third of the time. */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { build, warm } from "./build.ts";

const folder = join(import.meta.dirname, "../../dist");
rmSync(folder, { recursive: true, force: true });
await build(folder);
warm(folder);
