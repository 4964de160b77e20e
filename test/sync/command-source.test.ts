/** Programs as sources: what they print is a list only if they end well and in time. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { faultOf, readAll, source } from "./reading.ts";

const printing = (script: string, settings: Partial<SourceSettings> = {}): ReturnType<typeof source> => {
  const program = join(temporaryFolder(), "print");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return source({ type: "command", url: [], command: [program, "two words"], format: "list", ...settings });
};

describe("a program as a source", () => {
  it("reads a list, with the arguments as they are given", async () => {
    const { keys } = await readAll(printing('echo "$1@kontor.example" | tr " " .; echo bert'));
    expect([...keys]).toEqual(["two.words@kontor.example", "bert"]);
  });

  it("reads LDIF and CSV by the same presets as files", async () => {
    const ldif = await readAll(
      printing("printf 'dn: cn=a,o=Kontor\\nobjectClass: person\\nmail: anna@kontor.example\\n'", { format: "ldif" }),
    );
    expect([...ldif.keys]).toEqual(["anna@kontor.example"]);
    const csv = await readAll(
      printing("echo PrimarySmtpAddress; echo anna@kontor.example", { format: "csv", preset: "exchange" }),
    );
    expect([...csv.keys]).toEqual(["anna@kontor.example"]);
  });

  it.each([
    [
      "an exit code",
      "echo anna; echo 'the server is down' >&2; exit 3",
      "incomplete",
      /exited with 3: the server is down$/,
    ],
    ["a signal", "echo anna; kill -9 $$", "incomplete", /was ended by SIGKILL$/],
  ] as const)("is no list: it ended with %s, although it printed something", async (_, script, reason, words) => {
    const fault = await faultOf(printing(script));
    expect(fault.reason).toBe(reason);
    expect(fault.message).toMatch(words);
  });

  it("is no list: it cannot be started", async () => {
    expect((await faultOf(source({ type: "command", url: [], command: ["/nowhere/print"] }))).message).toMatch(
      /^Cannot run "\/nowhere\/print": .*ENOENT/,
    );
  });

  it("ends one that takes too long, and its children", async () => {
    const pidFile = join(temporaryFolder(), "pid");
    const fault = await faultOf(printing(`echo anna; sleep 300 & echo $! > ${pidFile}; wait`, { timeout: 500 }));
    expect(fault.reason).toBe("timeout");
    expect(fault.message).toMatch(/did not exit within 0\.5 s$/);
    const child = Number(readFileSync(pidFile, "utf8"));
    await expect.poll(() => isRunning(child), { timeout: 5000 }).toBe(false);
  });

  it("ends one whose run is stopped", async () => {
    const fault = await faultOf(printing("echo anna; exec sleep 300"), AbortSignal.timeout(300));
    expect(fault.message).toMatch(/was stopped$/);
  });

  it("does not read a line without an end into memory for ever", async () => {
    expect((await faultOf(printing("yes | tr -d '\\n'"))).message).toMatch(/line of more than 65536 characters/);
  });
});

/** A zombie is none. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
