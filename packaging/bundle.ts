/**
 * One program of plain JavaScript, made of the source: main.js, and a piece for each verb. It starts in a third of the
 * time. Compiled packages and what is read beside the source stay where they are, so the folder belongs to its checkout.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

import { rolldown } from "rolldown";
import type { Plugin } from "rolldown";

const root = join(import.meta.dirname, "..");
/** A program of ours that is started or loaded by its path: a thread, a child, the contract of checks from outside. */
const startedByPath = /new URL\("([\w./-]+\.ts)", import\.meta\.url\)/g;

/** Writes the program into a folder. @param place where it is going to be in a checkout, for paths that lead out of it */
export async function build(folder: string, place: string = folder): Promise<void> {
  const bundle = await rolldown({
    input: { program: join(root, "src/main.ts") },
    cwd: root,
    platform: "node",
    external: [/^better-sqlite3/],
    logLevel: "warn",
    plugins: [places(place)],
  });
  await bundle.write({ dir: folder, format: "esm", entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" });
  await bundle.close();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(folder, "main.js"), entry);
}

/** SIGHUP is held first, as from source. The compiled code lies beside the program, made by {@link warm}, wherever both are moved. */
const entry = `import "./hold-hangups.js";
import { constants, enableCompileCache, getCompileCacheDir } from "node:module";

if (getCompileCacheDir() === undefined) {
  enableCompileCache({ directory: import.meta.dirname + "/compiled", portable: true });
}
await import("./program.js");
`;

/** Paths of the source in the code become paths of the bundle, or lead back from it. */
function places(folder: string): Plugin {
  return {
    name: "places",
    buildStart() {
      this.emitFile({ type: "chunk", id: join(root, "src/hold-hangups.js"), fileName: "hold-hangups.js" });
    },
    transform(code, id) {
      if (!/^(src|sync)\//.test(relative(root, id)) || !code.includes("import.meta")) {
        return undefined;
      }
      const started = code.replaceAll(startedByPath, (_, path: string) => {
        const name = `${basename(path, ".ts")}.js`;
        this.emitFile({ type: "chunk", id: join(dirname(id), path), fileName: name });
        return `new URL("./${name}", import.meta["url"])`;
      });
      const back = JSON.stringify(relative(folder, id));
      return started
        .replaceAll(
          "import.meta.dirname",
          `(import.meta["dirname"] + "/" + ${JSON.stringify(dirname(relative(folder, id)))})`,
        )
        .replaceAll("import.meta.url", `new URL(${back}, import.meta["url"]).href`);
    },
  };
}

/** Runs each verb once, so that its compiled code lies beside it. */
export function warm(folder: string): void {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const config = join(root, "config/goodmailto.toml");
  const verbs = readdirSync(join(root, "src/commands")).map((file) => basename(file, ".ts"));
  // What is compiled in a first run is kept, so the ones that do more come first.
  const runs = [
    ["check", "-c", config, "postmaster@example.com"],
    ["status", "-c", config],
    ["config", "check", "-c", config],
  ];
  for (const words of [...runs, ...verbs.map((verb) => [verb, "--help"])]) {
    spawnSync(process.execPath, [join(folder, "main.js"), ...words], { env, stdio: "ignore" });
  }
}
