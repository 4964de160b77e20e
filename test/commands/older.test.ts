/** An older signed file in place: the commands say what the relay does with it, and change nothing. */
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { unprotected } from "../../sync/publish/protect.ts";
import { addresses, listSource, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

const start = Date.now() - 60_000;

describe("with an older signed file in place", () => {
  it("status, check, explain and export refuse it as the relay does, and leave newest_file as it is", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const protection = { ...unprotected, signer: privateKey };
    await publish(path, [listSource("list", addresses(20))], { protection, now: () => start });
    copyFileSync(path, join(folder, "old.sqlite"));
    await publish(path, [listSource("list", addresses(21))], { protection, now: () => start + 1000 });
    writeFileSync(join(folder, "public.pem"), publicKey.export({ type: "spki", format: "pem" }));
    const config = join(folder, "c.toml");
    writeFileSync(
      config,
      '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n' +
        'public_key_file = "public.pem"\nnewest_file = "newest"\n',
    );
    const run = (...words: string[]): [number | null, string] => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words, "-c", config], {
        encoding: "utf8",
        timeout: 30_000,
      });
      return [status, stdout + stderr];
    };
    const codes = (): (number | null)[] => [
      run("status")[0],
      run("check", "a1@kontor.example")[0],
      run("explain", "a1@kontor.example")[0],
      run("export", "--format", "exim")[0],
    ];
    const remembered = `${start + 1000}\n`;
    writeFileSync(join(folder, "newest"), remembered);
    expect(codes()).toEqual([0, 0, 0, 0]);
    copyFileSync(join(folder, "old.sqlite"), path);
    expect(codes()).toEqual([2, 69, 69, 69]);
    expect(run("status")[1]).toMatch(/^invalid: .*older/);
    expect(run("check", "nobody@kontor.example")[1]).toContain("no snapshot (older)");
    expect(readFileSync(join(folder, "newest"), "utf8")).toBe(remembered);
    // And where the file in place is newer than the memory, no command writes it.
    writeFileSync(join(folder, "newest"), "1\n");
    expect(codes()).toEqual([0, 0, 0, 0]);
    expect(readFileSync(join(folder, "newest"), "utf8")).toBe("1\n");
  }, 60_000);
});
