/** SIGHUP to a program that only just starts: what reads its configuration again lives through it, everything else ends. */
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { configOf, node, project, Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.close());

/** Starts `goodmailto`, and has it send itself SIGHUP as soon as it asks for a file whose name ends so. */
function hungUpAt(file: string, entry: string, ...words: string[]) {
  const hook = scene.write(
    "hook.mjs",
    `import { registerHooks } from "node:module";
registerHooks({
  resolve(name, context, next) {
    if (name.endsWith(${JSON.stringify(file)})) {
      process.kill(process.pid, "SIGHUP");
    }
    return next(name, context);
  },
});
`,
  );
  return scene.run(node, ["--import", hook, join(project, "src", entry), ...words]);
}

const config = (): string =>
  scene.write(
    "goodmailto.toml",
    configOf({
      hop: 9,
      more: '[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n\n[deliverabled]\nlisten = "127.0.0.1:0"\n',
    }),
  );

describe("SIGHUP while the program loads", () => {
  it.each([
    ["main.ts", "goodmailto.js"],
    ["commands/serve.ts", "goodmailto.js"],
    ["commands/serve.ts", "main.ts"],
  ])("leaves serve running, at %s of %s", async (file, entry) => {
    const program = hungUpAt(file, entry, "serve", "--config", config());
    await program.until(/relay: ready/);
    expect((await program.stop()).code).toBe(0);
  });

  it("leaves sync --cron running, at either end of its loading", async () => {
    scene.write("list", "anna@kontor.example\n");
    for (const file of ["main.ts", "commands/sync.ts"]) {
      const program = hungUpAt(file, "goodmailto.js", "sync", "--cron", "--config", config());
      await program.until(/sync: scheduled/);
      expect((await program.stop()).code).toBe(0);
    }
  });

  it("leaves deliverabled running", async () => {
    const program = hungUpAt("main.ts", "goodmailto.js", "deliverabled", "--config", config());
    await program.until(/deliverabled: ready/);
    expect((await program.stop()).code).toBe(0);
  });

  it("leaves pull --cron running", async () => {
    const origin = scene.write(
      "pull.toml",
      '[snapshot]\npath = "snapshot.sqlite"\npull = "https://127.0.0.1:9/snapshot.sqlite"\n',
    );
    const program = hungUpAt("commands/pull.ts", "goodmailto.js", "pull", "--cron", "--config", origin);
    await program.until(/pull: scheduled/);
    expect((await program.stop()).code).toBe(0);
  });

  it("ends a verb that does not read its configuration again", async () => {
    const program = hungUpAt("commands/status.ts", "goodmailto.js", "status", "--config", config());
    const ended = await new Promise((resolve) =>
      program.child.once("exit", (code, signal) => resolve({ code, signal })),
    );
    expect(ended).toEqual({ code: null, signal: "SIGHUP" });
  });
});
