/**
 * One program of plain JavaScript, made of the source: main.js, and a piece for each verb. It starts in a third of the
 * time. Compiled packages and what is read beside the source stay where they are, so the folder belongs to its checkout.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { rolldown } from "rolldown";
import type { OutputOptions, Plugin } from "rolldown";

import { fileOf, places } from "./places.ts";
import type { Here } from "./places.ts";
import { buildQuick, quickVerbs, warmQuick } from "./quick.ts";

const root = join(import.meta.dirname, "..");

/** Writes the program into a folder. @param place where it is going to be in a checkout, for paths that lead out of it */
export async function build(folder: string, place: string = folder): Promise<void> {
  await writeProgram(folder, place);
  await buildQuick(folder, place);
  writeFileSync(join(folder, "main.js"), entry);
}

/** Writes program.js, with `run`, and its pieces. @param place as above @param more plugins, and how it is written */
export async function writeProgram(
  folder: string,
  place: string,
  { plugins = [], ...output }: { readonly plugins?: Plugin[] } & Pick<OutputOptions, "minify" | "comments"> = {},
): Promise<void> {
  const bundle = await rolldown({
    input: { program: join(root, "src/program.ts") },
    cwd: root,
    platform: "node",
    external: [/^better-sqlite3/],
    logLevel: "warn",
    plugins: [...plugins, heldHangups, places(place, here)],
  });
  const names = { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" };
  await bundle.write({ dir: folder, format: "esm", ...names, ...output });
  await bundle.close();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
}

/** A thread or child is a chunk of its own. */
const here: Here = {
  url: 'import.meta["url"]',
  dirname: 'import.meta["dirname"]',
  started(source, context) {
    const name = fileOf(source);
    context.emitFile({ type: "chunk", id: source, fileName: name });
    return name;
  },
};

const heldHangups: Plugin = {
  name: "held hangups",
  buildStart() {
    this.emitFile({ type: "chunk", id: join(root, "src/hold-hangups.js"), fileName: "hold-hangups.js" });
  },
};

/** What comes before everything else: a SIGHUP is held, as from source. */
export const holding: string = readFileSync(join(root, "src/hold-hangups.js"), "utf8").replace("export const", "const");

/**
 * The compiled code lies beside the program, made by {@link warm}, wherever both
 * are moved.
 */
const entry = `import { createRequire, enableCompileCache, getCompileCacheDir } from "node:module";

${holding}
if (${JSON.stringify(quickVerbs)}.includes(verb)) {
  await createRequire(import.meta.url)("./quick.cjs").start(verb);
} else {
  if (getCompileCacheDir() === undefined) {
    enableCompileCache({ directory: import.meta.dirname + "/compiled", portable: true });
  }
  await (await import("./program.js")).run();
}
`;

/** Runs each verb once, so that its compiled code lies beside it. */
export async function warm(folder: string): Promise<void> {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  const config = join(root, "config/goodmailto.toml");
  const verbs = readdirSync(join(root, "src/commands")).map((file) => basename(file, ".ts"));
  // What is compiled in a first run is kept, so the one that does more comes first.
  const runs = [["config", "check", "-c", config], ...verbs.map((verb) => [verb, "--help"])];
  await warmQuick(folder);
  for (const words of runs) {
    spawnSync(process.execPath, [join(folder, "main.js"), ...words], { env, stdio: "ignore" });
  }
}
