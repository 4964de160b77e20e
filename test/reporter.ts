/** Prints the closing line that .ci/run and people look for: `N passed, N failed, N skipped`. */
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      // A file that does not load, or whose set-up fails, has no failed test: it counts as one itself.
      failed += !module.ok() && tests.every((test) => test.result().state !== "failed") ? 1 : 0;
      for (const test of tests) {
        const { state } = test.result();
        passed += state === "passed" ? 1 : 0;
        failed += state === "failed" || state === "pending" ? 1 : 0;
        skipped += state === "skipped" ? 1 : 0;
      }
    }
    process.on("exit", () => process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`));
  }
}
