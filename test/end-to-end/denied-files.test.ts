/** Files that a person may not read: each verb says so, and none calls the list damaged, missing or gone. */
import { appendFileSync, chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing, skipped } from "../fakes/need.ts";
import { main } from "../program.ts";
import { node, Scene } from "./scene.ts";
import type { Ended } from "./scene.ts";

const denied = "cannot be read by this user (permission denied)";
/** Another user must reach Node and the project to run anything. */
const isReachable = [node, main].every((path) => (statSync(path).mode & 0o004) !== 0);
const impossible =
  missing("setpriv") ||
  (process.getuid?.() !== 0 && skipped("only root can run a program as another user")) ||
  (!isReachable && skipped("another user cannot reach the project"));

describe.skipIf(impossible)("a user who may not read the lists", () => {
  let scene: Scene;
  let config: string;
  let path: string;
  beforeEach(async () => {
    scene = new Scene();
    path = join(scene.folder, "snapshot.sqlite");
    config = scene.write(
      "goodmailto.toml",
      `[smtp]\nstatus_folder = ""\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[recipients]\nobserve_file = "observed.json"\n[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n`,
    );
    for (const text of ["anna@kontor.example\n", "anna@kontor.example\nbert@kontor.example\n"]) {
      scene.write("list", text);
      expect((await scene.call("sync", "-c", config)).code).toBe(0);
    }
    scene.write("observed.json", "{}");
    readdirSync(scene.folder).forEach((name) => chmodSync(join(scene.folder, name), 0o644));
    chmodSync(scene.folder, 0o755);
  });
  afterEach(() => scene.close());

  /** As the user nobody. */
  async function ask(...words: string[]): Promise<Ended> {
    const other = ["--reuid=65534", "--regid=65534", "--clear-groups", node, main, ...words, "-c", config];
    return scene.run("setpriv", other).ended();
  }

  it("is told so of a list that is kept", async () => {
    chmodSync(`${path}.1`, 0o600);
    const history = await ask("history");
    expect([history.code, history.stdout]).toEqual([
      0,
      expect.stringMatching(/^current: .*\nunreadable: .*\.1: cannot be read by this user \(permission denied\)\n$/),
    ]);
    expect((await ask("diff", "1")).stderr).toBe(`goodmailto: ${path}.1 ${denied}\n`);
    expect((await ask("rollback", "1")).stderr).toBe(`goodmailto: ${path}.1 ${denied}\n`);
  });

  it("is told so of the journal, by each verb that reads it", async () => {
    const journal = join(scene.folder, "trace");
    mkdirSync(journal, { mode: 0o700 });
    const rules = join(scene.folder, "rules");
    writeFileSync(rules, ":allow\n", { mode: 0o600 });
    appendFileSync(config, `[trace]\nkeep = "1d"\nfolder = "${journal}"\n[clients]\nrules = "rules"\n`);
    const said = { code: 69, stdout: "", stderr: expect.stringContaining(`"${journal}": permission denied`) as string };
    for (const words of [["trace", "anna@kontor.example"], ["summary"], ["explain", "0123456789abcdef-1"]]) {
      expect(await ask(...words)).toMatchObject(said);
    }
    chmodSync(journal, 0o755);
    writeFileSync(join(journal, "trace-2026-01-01-001.sqlite"), "", { mode: 0o600 });
    for (const words of [
      ["trace", "anna@kontor.example"],
      ["summary", "--since", "2026-01-01"],
    ]) {
      expect(await ask(...words)).toMatchObject({ code: 69, stderr: expect.stringContaining("cannot read") as string });
    }
  });

  it("is told so of the list that serves", async () => {
    readdirSync(scene.folder).forEach((name) => chmodSync(join(scene.folder, name), 0o600));
    [config, join(scene.folder, "list")].forEach((file) => chmodSync(file, 0o644));
    expect((await ask("history")).stdout).not.toContain("damaged");
    expect((await ask("explain", "anna@kontor.example")).stderr).toContain(`none is kept; ${path} ${denied}`);
    const check = await ask("check", "anna@kontor.example");
    expect([check.code, check.stderr]).toEqual([69, `goodmailto: ${path} ${denied}: the relay may answer otherwise\n`]);
    expect((await ask("status")).stdout).toContain(`${path} ${denied}`);
    expect((await ask("export", "--format", "postfix")).stderr).toContain("permission denied");
    expect((await ask("observe", "report")).stderr).toBe(
      `goodmailto: "${join(scene.folder, "observed.json")}" ${denied}\n`,
    );
    const sync = await ask("sync");
    expect([sync.code, sync.stdout]).toEqual([
      75,
      expect.stringContaining(`Cannot open "${path}.lock": permission denied`),
    ]);
  });
});
