/** What the tests do without a program that they need, and with one that lacks a part. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-need-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const program = (name: string, exit: number) =>
  writeFileSync(join(folder, name), `#!/bin/sh\nexit ${exit}\n`, { mode: 0o755 });

/** Asks `missing` with nothing on PATH but this test's programs. */
function ask(words: string, ci: boolean): { answer: string; fault: string } {
  const script = `import { missing } from "${root}/test/fakes/need.ts"; console.log(missing(${words}))`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { PATH: folder, ...(ci ? { CI: "true" } : {}) },
  });
  return { answer: stdout.trim(), fault: /Error: (.*)/.exec(stderr)?.[1] ?? "" };
}

describe("a program that a test needs", () => {
  it.each([
    ["swaks without Net::SSLeay", '"swaks", "Net::SSLeay"', ["swaks", "perl"], '"swaks" lacks Net::SSLeay'],
    ["Python without its library", '"python3"', ["python3"], '"python3" lacks the standard library'],
    ["no program at all", '"multilog"', [], 'cannot find "multilog"'],
  ])("is a skip, and in CI a failure: %s", (_title, words, present, reason) => {
    for (const name of present) {
      program(name, 2);
    }
    expect(ask(words, false)).toEqual({ answer: "true", fault: "" });
    expect(ask(words, true)).toEqual({ answer: "", fault: `Cannot test: ${reason}, and CI may skip nothing` });
  });

  it("is used where its part is there, and where no part is asked for", () => {
    program("swaks", 0);
    program("perl", 0);
    expect(ask('"swaks", "Net::SSLeay"', true).answer).toBe("false");
    rmSync(join(folder, "perl"));
    expect(ask('"swaks"', true).answer).toBe("false");
  });

  it("is asked for its part where nobody has configured it, as Postfix without a main.cf", () => {
    program("postfix", 0);
    const fake = (tables: string): void =>
      writeFileSync(
        join(folder, "postconf"),
        `#!/bin/sh\n[ "$1" = -c ] && [ -f "$2/main.cf" ] && [ "$3" = -m ] || exit 1\nprintf '${tables}'\n`,
        { mode: 0o755 },
      );
    fake("hash\\nlmdb\\n");
    expect(ask('"postfix"', true)).toEqual({ answer: "false", fault: "" });
    fake("hash\\nlmdbx\\n");
    expect(ask('"postfix"', false)).toEqual({ answer: "true", fault: "" });
  });

  it("is counted and named in the closing lines of a run without it", { timeout: 60_000 }, () => {
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const words = ["run", "--config", "test/vitest.config.ts", "test/clients/tcprules.truth.test.ts"];
    const { stdout, status } = spawnSync(process.execPath, [vitest, ...words], {
      cwd: root,
      encoding: "utf8",
      env: { PATH: folder, HOME: folder, NO_COLOR: "1" },
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nskipped: cannot find "tcprules"\n0 passed, 0 failed, \d+ skipped\n$/);
  });
});
