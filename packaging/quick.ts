/**
 * The verbs that people and schedules wait for, as one file that starts at once: each module in it is evaluated when
 * something of it is first used, packages of Node included, and the compiled code of a real run lies beside it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { rolldown } from "rolldown";
import type { OutputChunk, Plugin } from "rolldown";

import { functionOf } from "./lazy-module.ts";
import { fileOf, places } from "./places.ts";
import type { Here } from "./places.ts";

const root = join(import.meta.dirname, "..");
/** The verbs that start so. */
export const quickVerbs: readonly string[] = ["check", "status", "sync", "trace"];
const entry = "program.js";
/** What checks from outside import, of which there must be one in the process. */
const contract = "contract.js";

/** Writes quick.cjs and what it reads. @param place as of the bundle */
export async function buildQuick(folder: string, place: string): Promise<void> {
  const bundle = await rolldown({
    input: { program: join(root, "src/program.ts"), contract: join(root, "src/hooks/contract.ts") },
    cwd: root,
    platform: "node",
    external: [/^better-sqlite3/],
    logLevel: "warn",
    // A module of ours is imported for what it exports, never for what it does: lint sees to it.
    treeshake: { moduleSideEffects: [{ test: /\/(?:src|sync)\/[^?]*\.ts$/, sideEffects: false }] },
    plugins: [otherVerbs, places(place, here)],
  });
  const { output } = await bundle.generate({
    format: "cjs",
    preserveModules: true,
    entryFileNames: "[name].js",
    charset: "ascii",
    comments: false,
  });
  await bundle.close();
  const chunks = new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file] as const] : [])));
  for (const verb of quickVerbs) {
    const own = reachedFrom([entry, `src/commands/${verb}.js`], chunks);
    writeFileSync(join(folder, `quick-${verb}.js`), programText(own));
  }
  writeFileSync(join(folder, "quick-rest.cjs"), `module.exports = ${tableText(chunks)};\n`);
  writeFileSync(join(folder, "quick.cjs"), starter);
  writeFileSync(join(folder, "quick-contract.js"), contractText(chunks.get(contract)?.exports ?? []));
}

/** The code that a verb has run once, so that it need not be compiled again. */
export function warmQuick(folder: string): void {
  const config = join(root, "config/goodmailto.toml");
  const words: Readonly<Record<string, readonly string[]>> = {
    check: ["-c", config, "postmaster@example.com"],
    status: ["-c", config],
    sync: ["--help"],
    trace: ["-c", config, "postmaster@example.com"],
  };
  mkdirSync(join(folder, "compiled"), { recursive: true });
  for (const verb of quickVerbs) {
    const file = JSON.stringify(join(folder, "compiled", `${verb}.bin`));
    const keeper = `process.argv.splice(1, 0, "main.js");
      const quick = require(${JSON.stringify(join(folder, "quick.cjs"))});
      process.on("exit", () => require("node:fs").writeFileSync(${file}, quick.script.createCachedData()));
      quick.start(${JSON.stringify(verb)});`;
    spawnSync(process.execPath, ["-e", keeper, "--", verb, ...(words[verb] ?? [])], { stdio: "ignore" });
  }
}

const here: Here = {
  url: "__here.url",
  dirname: "__here.folder",
  started: (source) => (source.endsWith("hooks/contract.ts") ? "quick-contract.js" : fileOf(source)),
};

/** Verbs that are never asked for here. */
const otherVerbs: Plugin = {
  name: "other verbs",
  resolveId(source, importer) {
    const [, verb] = /^\.\/commands\/(\w+)\.ts$/.exec(source) ?? [];
    const isOther = verb !== undefined && !quickVerbs.includes(verb);
    return isOther && importer !== undefined && relative(root, importer) === join("src", "verbs.ts")
      ? { id: `goodmailto/${verb}`, external: true }
      : undefined;
  },
};

type Chunks = ReadonlyMap<string, OutputChunk>;

/** What is imported from there on; what is imported by a function that runs is not. */
function reachedFrom(names: readonly string[], chunks: Chunks): Chunks {
  const reached = new Map<string, OutputChunk>();
  const visit = (name: string): void => {
    const chunk = chunks.get(name);
    if (chunk !== undefined && !reached.has(name)) {
      reached.set(name, chunk);
      chunk.imports.forEach(visit);
    }
  };
  names.forEach(visit);
  return reached;
}

/** A function that makes all modules of a table available. */
function tableText(chunks: Chunks): string {
  const modules = [...chunks.values()].map(({ fileName, code }) => functionOf(fileName, code));
  return `function table(require, __here, __load, __lazy) {
"use strict";
return {
${modules.join(",\n")}
};
}`;
}

function programText(chunks: Chunks): string {
  return `(function program(require, __here) {
"use strict";
const { file: __filename, folder: __dirname } = __here;
const made = new Map();
function __load(name) {
  let module = made.get(name);
  if (module === undefined) {
    if (!Object.hasOwn(modules, name)) {
      modules = Object.assign(require("./quick-rest.cjs")(require, __here, __load, __lazy), modules);
    }
    module = { exports: {} };
    made.set(name, module);
    modules[name](module.exports, module);
  }
  return module.exports;
}
function __lazy(get) {
  let had;
  return () => (had ??= get());
}
let modules = (${tableText(chunks)})(require, __here, __load, __lazy);
return __load;
})
`;
}

/** The compiled code belongs to this text and this Node; if it does not, V8 leaves it alone. */
const starter = `"use strict";
const { readFileSync } = require("node:fs");
const { Script, constants } = require("node:vm");

function compiledOf(verb) {
  try {
    return readFileSync(__dirname + "/compiled/" + verb + ".bin");
  } catch {
    return undefined;
  }
}

exports.start = (verb) => {
  const filename = __dirname + "/quick-" + verb + ".js";
  const text = readFileSync(filename, "latin1");
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  exports.script = new Script(text, { filename, cachedData: compiledOf(verb), importModuleDynamically });
  const here = {
    file: filename,
    folder: __dirname,
    get url() {
      return require("node:url").pathToFileURL(filename).href;
    },
  };
  exports.load = exports.script.runInThisContext()(require, here);
  return exports.load(${JSON.stringify(entry)}).run();
};
`;

/** The same contract for modules that Node loads. */
function contractText(names: readonly string[]): string {
  return `import { createRequire } from "node:module";

const contract = createRequire(import.meta.url)("./quick.cjs").load(${JSON.stringify(contract)});
${names.map((name) => `export const ${name} = contract.${name};\n`).join("")}`;
}
