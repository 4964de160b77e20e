/** Paths of the source in the code become paths of the bundle, or lead back from it. */
import { basename, dirname, join, relative } from "node:path";

import type { Plugin, PluginContext } from "rolldown";

const root = join(import.meta.dirname, "..");
/** A program of ours that is started or loaded by its path: a thread, a child, the contract of checks from outside. */
const startedByPath = /new URL\("([\w./-]+\.ts)", import\.meta\.url\)/g;

/** How the code that is made says where it is. */
export interface Here {
  /** An expression: the URL of its file. */
  readonly url: string;
  /** An expression: the path of its folder. */
  readonly dirname: string;
  /** What is started by its path, given the source: the name of its file beside the program. */
  readonly started: (source: string, context: PluginContext) => string;
}

/** What is started by its path is a file of its name beside the program. */
export function fileOf(source: string): string {
  return `${basename(source, ".ts")}.js`;
}

/** @param folder where the program is going to be. */
export function places(folder: string, here: Here): Plugin {
  return {
    name: "places",
    transform(code, id) {
      if (!/^(src|sync)\//.test(relative(root, id)) || !code.includes("import.meta")) {
        return undefined;
      }
      const back = relative(folder, id);
      return code
        .replaceAll(startedByPath, (_, path: string) => {
          const name = JSON.stringify(`./${here.started(join(dirname(id), path), this)}`);
          return `new URL(${name}, ${here.url})`;
        })
        .replaceAll("import.meta.dirname", `(${here.dirname} + "/" + ${JSON.stringify(dirname(back))})`)
        .replaceAll("import.meta.url", `new URL(${JSON.stringify(back)}, ${here.url}).href`);
    },
  };
}
