import { configDefaults, defineConfig } from "vitest/config";

import { long, quickVariable } from "./long.ts";

/**
 * Folders whose files share a process, one after the other: what a file changes of the process (environment, clock,
 * folder for temporary files) it must restore, and what it starts it must end. The other files have a process each.
 */
const sharing =
  "{checks,clients,compose,deliverable,dkim,dns,files,hooks,log,mail,message,milter,snapshot,state,wait}/**/*.test.ts";
const leftOut = [...configDefaults.exclude, ...(process.env[quickVariable] === "1" ? long : [])];

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    projects: [
      { extends: true, test: { name: "sharing", include: [`test/${sharing}`], exclude: leftOut, isolate: false } },
      {
        extends: true,
        test: { name: "alone", include: ["test/**/*.test.ts"], exclude: [...leftOut, `test/${sharing}`] },
      },
    ],
    globalSetup: ["test/bundle/setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    // The programs that tests start are compiled once a run, not at each start: that is half of their time.
    env: { NODE_COMPILE_CACHE: new URL("../node_modules/.compile-cache", import.meta.url).pathname },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // Machines that run CI are noisy, and many tests watch deadlines of real programs. Once more, and no oftener: an
    // error of ours fails twice. The default reporter marks what needed it.
    retry: process.env["CI"] === "true" ? 1 : 0,
    reporters: ["default", "./test/reporter.ts"],
  },
});
