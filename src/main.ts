/** The program, as Node runs it from source. */
// oxlint-disable-next-line import/no-unassigned-import -- what counts is that it comes first
import "./hold-hangups.js";

import { run } from "./program.ts";

await run();
