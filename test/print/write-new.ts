/** What the generators share: files are made and never replaced, and what is printed from declarations is printed again. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");

/**
 * The generator's argument. Ends the process if it is not of the form. @param usage "new-check FAMILY/NAME, as
 * client/badcountry"
 */
export function readName(pattern: RegExp, usage: string): readonly string[] {
  const found = pattern.exec(process.argv[2] ?? "");
  if (found === null) {
    fail(`usage: npm run ${usage}`);
  }
  return found.slice(1);
}

/** Writes files. @param files path from the root → text; @param printed what `npm run docs` changes because of them */
export function writeNew(files: Readonly<Record<string, string>>, printed: string): void {
  const taken = Object.keys(files).filter((path) => existsSync(join(root, path)));
  if (taken.length > 0) {
    fail(`there already: ${taken.join(", ")}`);
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
  // A long name breaks lines elsewhere.
  const sources = Object.keys(files).filter((path) => path.endsWith(".ts"));
  const format = join(root, "node_modules/oxfmt/bin/oxfmt");
  execFileSync(process.execPath, [format, ...sources], { cwd: root, stdio: "ignore" });
  execFileSync(process.execPath, [join(import.meta.dirname, "main.ts")], { stdio: "inherit" });
  process.stdout.write(`printed ${printed}\n`);
}

/** "qmail-ldap" as qmailLdap. */
export function camelCase(name: string): string {
  return name.replaceAll(/[-_](\w)/g, (_, letter: string) => letter.toUpperCase());
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}
