/**
 * Prints why tests were skipped, and the closing line that .ci/run and people look for: `N passed, N failed, N skipped`.
 * Of `npm run ok` one more says how many files it left out.
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Reporter, TestModule } from "vitest/node";

import { skipsFile } from "./fakes/need.ts";
import { long, quickVariable } from "./long.ts";

export default class ClosingLine implements Reporter {
  readonly #folder = mkdtempSync(join(tmpdir(), "goodmailto-skips-"));

  constructor() {
    // The processes of the tests inherit it.
    process.env[skipsFile] = join(this.#folder, "reasons");
  }

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
    const reasons = this.#reasons().map((reason) => `skipped: ${reason}\n`);
    const closing = `${passed} passed, ${failed} failed, ${skipped} skipped\n`;
    process.on("exit", () => process.stdout.write([...reasons, closing, ...leftOut()].join("")));
  }

  #reasons(): string[] {
    try {
      return [...new Set(readFileSync(join(this.#folder, "reasons"), "utf8").trimEnd().split("\n"))].toSorted();
    } catch {
      return [];
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}

function leftOut(): string[] {
  const count = process.env[quickVariable] === "1" ? globSync([...long]).length : 0;
  return count === 0 ? [] : [`${count} files of tests are left to npm test\n`];
}
