/** src/goodmailto.js: the program under whatever Node the system has. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { configOf, project, Scene } from "./scene.ts";

const shim = join(project, "src/goodmailto.js");

/** The system's Node: the first on PATH that is not the project's. */
function systemNode(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return folders
    .map((folder) => join(folder, "node"))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const system = systemNode();

describe.skipIf(system === undefined)("goodmailto.js under the system's Node", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());
  const run = (...words: string[]) => scene.run(system ?? "", [shim, ...words]);

  it("checks a configuration, and hands the exit code on", async () => {
    const good = scene.write("good.toml", configOf({ hop: 9 }));
    expect(await run("config", "check", "--config", good).ended()).toMatchObject({
      code: 0,
      stdout: `${good}: no faults\n`,
    });
    const bad = scene.write("bad.toml", "[smtp]\nlisen = 1\n");
    const { code, stderr } = await run("config", "check", "--config", bad).ended();
    expect(code).toBe(78);
    expect(stderr).toMatch(/bad\.toml:2:\d+: /);
  });

  it("hands signals on to the relay, and ends with its exit code", async () => {
    const program = run("serve", "--config", scene.write("good.toml", configOf({ hop: 9 })));
    await program.until(/relay: ready/);
    program.child.kill("SIGHUP");
    await program.until(/relay: reloaded/);
    expect((await program.stop()).code).toBe(0);
  });

  it("runs when it is called by its own name", async () => {
    const { code, stdout } = await scene.run(shim, ["--version"]).ended();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
