import { configDefaults, defineConfig } from "vitest/config";

import { long, quickVariable } from "./long.ts";

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(process.env[quickVariable] === "1" ? long : [])],
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
