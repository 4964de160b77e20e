/** The files of a package, as they are installed: usr, etc. The same tree becomes a .deb, an .rpm and an image. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";

import { build, warm } from "./bundle.ts";
import { completions } from "./completions/completions.ts";
import { manualPages } from "./manual.ts";
import { version } from "../src/ops/version.ts";
import { maintainer } from "./maintainer.ts";
import { nodeOf } from "./node.ts";
import type { Architecture } from "./node.ts";
import { productionPackages } from "./production.ts";

/** The checkout. */
export const root: string = join(import.meta.dirname, "..");
/** Where the program is. */
export const home = "usr/lib/goodmailto";

/** What finds Node in a checkout. */
const ofCheckout = /\/src\/(?:node\.sh|goodmailto\.js)$/;

/** What differs from tree to tree. */
export interface TreeOptions {
  readonly architecture: Architecture;
  /** Of the release: it stands in the manual pages, and is the time of every file. */
  readonly date: Date;
}

/** Writes the tree into an empty folder. @throws Error where the Node of that architecture cannot be had */
export async function writeTree(folder: string, { architecture, date }: TreeOptions): Promise<void> {
  const lib = join(folder, home);
  mkdirSync(lib, { recursive: true });
  copyProgram(lib, architecture);
  copyFileSync(nodeOf(architecture), join(lib, "node"));
  await buildProgram(lib, architecture);
  writeProgram(join(folder, "usr/bin/goodmailto"));
  writeUnits(folder);
  mkdirSync(join(folder, "etc/goodmailto"), { recursive: true });
  copyFileSync(join(root, "config/tcp.smtp"), join(folder, "etc/goodmailto/tcp.smtp"));
  writeDocumentation(join(folder, "usr/share/doc/goodmailto"), architecture, date);
  await writeShared(join(folder, "usr/share"), date.toISOString().slice(0, 10));
  settle(folder);
}

/** The bundle. It runs here while it is built, also for another architecture. */
async function buildProgram(lib: string, architecture: Architecture): Promise<void> {
  const dist = join(lib, "dist");
  const addon = (arch: string): string => `node_modules/better-sqlite3/prebuilds/linux-${arch}.node`;
  const isForeign = architecture.node !== process.arch;
  if (isForeign) {
    copyFileSync(join(root, addon(process.arch)), join(lib, addon(process.arch)));
  }
  // Its paths lead back to the source as from dist in a checkout.
  await build(dist, join(root, "dist"));
  if (isForeign) {
    rmSync(join(lib, addon(process.arch)));
  } else {
    execFileSync("strip", ["--strip-unneeded", join(lib, "node"), join(lib, addon(process.arch))]);
    await warm(dist);
  }
}

/** The source, which runs as it stands, too, and what it needs of node_modules. */
function copyProgram(lib: string, architecture: Architecture): void {
  for (const name of ["src", "sync", "config", "package.json"]) {
    cpSync(join(root, name), join(lib, name), { recursive: true, filter: (path) => !ofCheckout.test(path) });
  }
  // A plugin that is a script of Node runs with ours.
  const plugin = join(lib, "config/spp/rblspp");
  writeFileSync(plugin, readFileSync(plugin, "utf8").replace(/^#!.*/, `#!/${home}/node`));
  for (const name of productionPackages(root)) {
    const from = join(root, "node_modules", name);
    cpSync(from, join(lib, "node_modules", name), {
      recursive: true,
      filter: (path) => isNeeded(relative(join(root, "node_modules"), path), architecture),
    });
  }
}

/** Whether a file of a package is wanted where it runs. @param path below node_modules */
function isNeeded(path: string, architecture: Architecture): boolean {
  if (/^better-sqlite3\/(?:deps|src|binding\.gyp)\b/.test(path)) {
    return false;
  }
  if (path.startsWith("better-sqlite3/prebuilds/")) {
    return basename(path) === `linux-${architecture.node}.node`;
  }
  return !/\.(?:map|d\.[cm]?ts)$/.test(path) && !basename(path).startsWith(".");
}

/**
 * Verbs that people wait for start without Node's loader of modules, and end before a collection of garbage pays. A sync
 * and a relay start as src/node.sh starts them. docs/performance.md has the figures.
 */
const launcher = `#!/bin/sh
case $1 in
check | status | trace)
  exec /${home}/node --min-semi-space-size=16 --single-threaded-gc /${home}/dist/quick.cjs "$@" ;;
serve)
  exec /${home}/node --min-semi-space-size=4 /${home}/dist/main.js "$@" ;;
sync)
  exec /${home}/node --max-semi-space-size=8 /${home}/dist/main.js "$@" ;;
esac
exec /${home}/node /${home}/dist/main.js "$@"
`;

function writeProgram(path: string): void {
  write(path, launcher);
  chmodSync(path, 0o755);
}

function writeUnits(folder: string): void {
  for (const name of readdirSync(join(root, "systemd"))) {
    const text = readFileSync(join(root, "systemd", name), "utf8").replaceAll(
      "/opt/goodmailto/src/node.sh /opt/goodmailto/src/goodmailto.js",
      "/usr/bin/goodmailto",
    );
    write(
      join(folder, name === "sysusers.conf" ? "usr/lib/sysusers.d/goodmailto.conf" : `usr/lib/systemd/system/${name}`),
      withDocs(text),
    );
  }
}

/** A file that leads to pages of docs, where those are installed. */
function withDocs(text: string): string {
  return text.replaceAll("file:///opt/goodmailto/docs/", "file:///usr/share/doc/goodmailto/docs/");
}

function writeDocumentation(folder: string, architecture: Architecture, date: Date): void {
  cpSync(join(root, "docs"), join(folder, "docs"), { recursive: true });
  copyFileSync(join(root, "README.md"), join(folder, "README.md"));
  copyFileSync(join(root, "packaging/deb/copyright"), join(folder, "copyright"));
  mkdirSync(join(folder, "examples"));
  copyFileSync(join(root, "config/goodmailto.toml"), join(folder, "examples/goodmailto.toml"));
  for (const name of readdirSync(join(root, "config/monitoring"))) {
    const text = readFileSync(join(root, "config/monitoring", name), "utf8");
    write(join(folder, "examples/monitoring", name), withDocs(text));
  }
  copyFileSync(join(root, "CHANGELOG.md"), join(folder, "CHANGELOG.md"));
  writePacked(join(folder, "changelog"), Buffer.from(debianChangelog(date)));
  writePacked(join(folder, "node-LICENSE"), readFileSync(join(dirname(nodeOf(architecture)), "../LICENSE")));
}

/** As deb-changelog(5) has it; what changed stands in CHANGELOG.md. */
function debianChangelog(date: Date): string {
  const time = date.toUTCString().replace("GMT", "+0000");
  return `goodmailto (${version}) stable; urgency=medium\n\n  * See CHANGELOG.md in this folder.\n\n -- ${maintainer}  ${time}\n`;
}

async function writeShared(share: string, date: string): Promise<void> {
  for (const { file, text } of await manualPages(date)) {
    writePacked(join(share, `man/man${file.slice(-1)}`, file), Buffer.from(text));
  }
  write(
    join(share, "lintian/overrides/goodmailto"),
    readFileSync(join(root, "packaging/deb/lintian-overrides"), "utf8"),
  );
  for (const { path, text } of await completions()) {
    write(join(share, path), text);
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function writePacked(path: string, bytes: Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}

/** Modes as every package has them, and no folder that is empty. */
function settle(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const runs = entry.isDirectory() || ["usr/bin/goodmailto", `${home}/node`].includes(relative(folder, path));
    const isScript =
      /\/(?:node\.sh|goodmailto\.js)$/.test(path) || path.includes("/config/spp/") || path.includes("/config/clients/");
    chmodSync(path, runs || isScript ? 0o755 : 0o644);
  }
  removeEmpty(folder);
}

function removeEmpty(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      removeEmpty(join(folder, entry.name));
    }
  }
  if (readdirSync(folder).length === 0) {
    rmSync(folder, { recursive: true });
  }
}
