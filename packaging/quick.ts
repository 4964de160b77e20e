/**
 * The verbs that people and schedules wait for, each as one file that starts at once: each module in it is evaluated when
 * something of it is first used, packages of Node included. It has the modules that a usual run needs; what other runs
 * need as well is in a second file. The compiled code of a usual run lies beside both.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { rolldown } from "rolldown";
import type { OutputChunk, Plugin } from "rolldown";

import { functionOf } from "./lazy-module.ts";
import { runUsually } from "./usual-run.ts";
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
    logLevel: "warn",
    // A module of ours is imported for what it exports, never for what it does: lint sees to it.
    treeshake: { moduleSideEffects: [{ test: /\/(?:src|sync)\/[^?]*\.ts$/, sideEffects: false }] },
    plugins: [otherVerbs, sqlite(place), places(place, here)],
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
  writeFileSync(join(folder, "quick-rest.cjs"), `module.exports = ${tableText(chunks)};\n`);
  writeFileSync(join(folder, "quick.cjs"), starter);
  writeFileSync(join(folder, "quick-contract.js"), contractText(chunks.get(contract)?.exports ?? []));
  const reached = new Map(quickVerbs.map((verb) => [verb, reachedFrom([entry, `src/commands/${verb}.js`], chunks)]));
  reached.forEach((own, verb) => writeVerb(folder, verb, own, new Map()));
  const used = await runUsually(folder, quickVerbs, "[...quick.here.made.keys()]");
  for (const [verb, own] of reached) {
    const names = new Set(used.get(verb));
    const parts = Map.groupBy(own, ([name]) => names.has(name));
    writeVerb(folder, verb, new Map(parts.get(true)), new Map(parts.get(false)));
  }
}

/** Writes the files of a verb. */
function writeVerb(folder: string, verb: string, usual: Chunks, further: Chunks): void {
  writeFileSync(join(folder, `quick-${verb}.js`), programText(usual));
  writeFileSync(join(folder, `quick-${verb}-further.js`), `(${tableText(further)})\n`);
}

/** The code that a verb has run once, so that it need not be compiled again. */
export async function warmQuick(folder: string): Promise<void> {
  mkdirSync(join(folder, "compiled"), { recursive: true });
  await runUsually(folder, quickVerbs, "quick.keep()");
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

/** Its code is in the program; its library stays where it is, and is looked for from there. */
function sqlite(place: string): Plugin {
  const back = relative(place, join(root, "node_modules/better-sqlite3/lib"));
  return {
    name: "sqlite",
    transform(code, id) {
      // Not by the whole path: node_modules may be a link.
      return id.endsWith("/better-sqlite3/lib/binding.js")
        ? code.replaceAll("__dirname", `(__dirname + ${JSON.stringify(`/${back}`)})`)
        : undefined;
    },
  };
}

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
  return `function table(require, __here, __load) {
"use strict";
const { file: __filename, folder: __dirname } = __here;
return {
${modules.join(",\n")}
};
}`;
}

function programText(chunks: Chunks): string {
  return `(function program(require, __here) {
"use strict";
const made = __here.made;
const tables = [__here.further, () => require("./quick-rest.cjs")];
function __load(name) {
  let module = made.get(name);
  if (module === undefined) {
    while (!Object.hasOwn(modules, name) && tables.length > 0) {
      modules = Object.assign(tables.shift()()(require, __here, __load), modules);
    }
    module = { exports: {} };
    made.set(name, module);
    modules[name](module.exports, module);
  }
  return module.exports;
}
let modules = (${tableText(chunks)})(require, __here, __load);
return __load;
})
`;
}

/** The compiled code belongs to this text and this Node; if it does not, V8 leaves it alone. */
const starter = `"use strict";
const { readFileSync, writeFileSync } = require("node:fs");
const { Script, constants } = require("node:vm");

const scripts = new Map();

function compiledOf(name) {
  return __dirname + "/compiled/" + name + ".bin";
}

function readCompiled(name) {
  try {
    return readFileSync(compiledOf(name));
  } catch {
    return undefined;
  }
}

function evaluate(name) {
  const filename = __dirname + "/quick-" + name + ".js";
  const text = readFileSync(filename, "latin1");
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const script = new Script(text, { filename, cachedData: readCompiled(name), importModuleDynamically });
  scripts.set(name, script);
  return script.runInThisContext();
}

exports.start = (verb) => {
  const file = __dirname + "/quick-" + verb + ".js";
  exports.further = () => evaluate(verb + "-further");
  exports.here = {
    file,
    folder: __dirname,
    get url() {
      return require("node:url").pathToFileURL(file).href;
    },
    made: new Map(),
    further: exports.further,
  };
  exports.load = evaluate(verb)(require, exports.here);
  return exports.load(${JSON.stringify(entry)}).run();
};

exports.scripts = scripts;
exports.keep = () => {
  exports.further();
  for (const [name, script] of scripts) {
    writeFileSync(compiledOf(name), script.createCachedData());
  }
  return [...scripts.keys()];
};
if (require.main === module) {
  exports.start(process.argv[2]);
}
`;

/** The same contract for modules that Node loads. */
function contractText(names: readonly string[]): string {
  return `import { createRequire } from "node:module";

const contract = createRequire(import.meta.url)("./quick.cjs").load(${JSON.stringify(contract)});
${names.map((name) => `export const ${name} = contract.${name};\n`).join("")}`;
}
