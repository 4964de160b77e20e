/** src/goodmailto.js and src/node.sh: the program under whatever Node the system has. */
import { spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { skipped } from "../fakes/need.ts";
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
let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** A checkout as npm before 11.7 leaves it: the Node package, and no node_modules/.bin/node. Prints what runs it. */
function checkout({
  cpu = process.arch as string,
  program = process.execPath,
  body = "const words: string[] = process.argv.slice(2);\nconsole.log(process.version, process.pid, ...words);\n",
} = {}): string {
  const folder = join(scene.folder, "checkout");
  mkdirSync(join(folder, "src"), { recursive: true });
  mkdirSync(join(folder, `node_modules/node-linux-${cpu}/bin`), { recursive: true });
  symlinkSync(program, join(folder, `node_modules/node-linux-${cpu}/bin/node`));
  for (const name of ["goodmailto.js", "hold-hangups.js", "node.sh"]) {
    cpSync(join(project, "src", name), join(folder, "src", name));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "src/main.ts"), body);
  return folder;
}

/** A folder for PATH whose `node` says that it is version 20. */
function oldNode(): string {
  const folder = join(scene.folder, "old");
  mkdirSync(folder);
  writeFileSync(join(folder, "node"), "#!/bin/sh\necho v20.19.0\n");
  chmodSync(join(folder, "node"), 0o755);
  return folder;
}

const isNew = /^v(?:2[4-9]|[3-9]\d)/.test(spawnSync(system ?? "node", ["-v"], { encoding: "utf8" }).stdout);
const withoutSystem = system === undefined && skipped("there is no other Node than the project's");

describe.skipIf(withoutSystem)("goodmailto.js under the system's Node", () => {
  const run = (...words: string[]) => scene.run(system ?? "", [shim, ...words]);

  it("checks a configuration, and hands the exit code on", async () => {
    const good = scene.write("good.toml", configOf({ hop: 9 }));
    expect(await run("config", "check", "--config", good).ended()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${good}: `),
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

  it.skipIf(isNew && skipped("the system's Node is new enough"))(
    "hands SIGHUP on once the relay lives through it, not while Node itself still starts",
    async () => {
      const slow = scene.write("slow", `#!/bin/sh\nkill -HUP $PPID\nsleep 0.2\nexec '${process.execPath}' "$@"\n`);
      chmodSync(slow, 0o755);
      // The relay's first signal ends nothing; by the second, it knows that signals arrive.
      const body = `process.on("SIGHUP", () => process.exit(9));
const again: () => void = () => void process.kill(process.ppid, "SIGHUP");
setInterval(again, 20);
`;
      const program = scene.run(system ?? "", [join(checkout({ program: slow, body }), "src/goodmailto.js"), "serve"]);
      expect((await program.ended()).code).toBe(9);
    },
  );

  it("runs when it is called by its own name", async () => {
    const { code, stdout } = await scene.run(shim, ["--version"]).ended();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("finds the Node that npm installed where node_modules/.bin/node is missing", async () => {
    const { stdout } = await scene.run(system ?? "", [join(checkout(), "src/goodmailto.js"), "a b"]).ended();
    expect(stdout).toMatch(new RegExp(`^${process.version} \\d+ a b\n$`));
  });

  it.skipIf(isNew && skipped("the system's Node is new enough"))(
    "says what to do where the Node that npm installed cannot be run, or is absent",
    async () => {
      const broken = join(scene.folder, "broken");
      writeFileSync(broken, "no program");
      const folders = [checkout({ program: broken }), checkout({ cpu: "other" })];
      for (const folder of folders) {
        const { code, stderr } = await scene.run(system ?? "", [join(folder, "src/goodmailto.js")]).ended();
        expect({ code, stderr }).toMatchObject({ code: 69, stderr: expect.stringContaining('run "npm ci"') });
      }
    },
  );
});

describe("node.sh", () => {
  const run = (folder: string, path?: string) =>
    scene.run(
      join(folder, "src/node.sh"),
      [join(folder, "src/main.ts"), "a b"],
      path === undefined ? {} : { PATH: path },
    );
  const usual = "/usr/bin:/bin";

  it("becomes the Node that npm installed, under the same process number", async () => {
    const program = run(checkout(), usual);
    const { stdout, code } = await program.ended();
    expect({ stdout, code }).toEqual({ stdout: `${process.version} ${program.pid} a b\n`, code: 0 });
  });

  it("starts a sync with a small young generation, and a relay with one that stays large, as the package and the image do", async () => {
    const folder = checkout({ body: "console.log(process.execArgv.join(), ...process.argv.slice(2));\n" });
    const start = async (...words: string[]): Promise<string> =>
      (await scene.run(join(folder, "src/node.sh"), [join(folder, "src/main.ts"), ...words]).ended()).stdout;
    expect(await start("sync", "--cron")).toBe("--max-semi-space-size=8 sync --cron\n");
    expect(await start("status", "sync")).toBe(" status sync\n");
    const words = "--min-semi-space-size=4";
    expect(await start("serve", "sync")).toBe(`${words} serve sync\n`);
    const packaged = ["packaging/tree.ts", "packaging/oci/Containerfile"].map((file) =>
      readFileSync(join(project, file), "utf8"),
    );
    expect(packaged).toEqual([expect.stringContaining(words), expect.stringContaining(words)]);
  });

  it("works through a link to the checkout's folder, as an installation in /opt has it", async () => {
    const link = join(scene.folder, "link");
    symlinkSync(checkout(), link);
    expect((await run(link, usual).ended()).stdout).toContain(process.version);
  });

  it("takes the system's Node only if it is new enough, and else says what to do", async () => {
    const folder = checkout({ cpu: "other" });
    const good = join(scene.folder, "good");
    mkdirSync(good);
    symlinkSync(process.execPath, join(good, "node"));
    expect((await run(folder, `${good}:${usual}`).ended()).stdout).toContain(process.version);
    const { code, stderr } = await run(folder, `${oldNode()}:${usual}`).ended();
    expect(code).toBe(69);
    expect(stderr).toMatch(/^goodmailto: needs Node 24 or newer, this is v20\.19\.0; run "npm ci" in \S+checkout\n$/);
  });
});
