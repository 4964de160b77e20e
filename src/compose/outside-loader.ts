/**
 * Reads files of checks from outside the source tree, and what they import, as they are now: the same path again
 * gives the code of a file that was changed. "goodmailto/check" stands for the contract wherever the file is.
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { createRequire, registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

import { errorCode } from "../report/error-message.ts";

const contract = new URL("../hooks/contract.ts", import.meta.url).href;
const require = createRequire(import.meta.url);
/** A module of this scheme exports what the file after it exports. */
const scheme = "goodmailto-check:";

/** What a file exports. */
export interface Exported {
  readonly values: readonly unknown[];
  /** Whether it and what it imports are still as they were when they were read. */
  readonly isCurrent: () => boolean;
}

/** Files of each version: the one that was asked for, and its imports. */
const filesOf = new Map<string, Set<string>>();
let versions = 0;

/** @throws Error if the code cannot be read or run */
export function readExports(path: string): Exported {
  register();
  const version = `?version=${++versions}`;
  const files = new Set([path]);
  filesOf.set(version, files);
  const loaded: object = require(`${scheme}${pathToFileURL(path).href}${version}`);
  const values: unknown[] = Object.values(loaded);
  filesOf.delete(version);
  const stamps = [...files].map((file) => [file, stampOf(file)] as const);
  return { values, isCurrent: () => stamps.every(([file, stamp]) => stampOf(file) === stamp) };
}

function stampOf(path: string): string {
  const { ino, size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${ino} ${size} ${mtimeMs}`;
}

let registered = false;

function register(): void {
  if (registered) {
    return;
  }
  registered = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier.startsWith(scheme)) {
        return { url: specifier, format: "module", shortCircuit: true };
      }
      if (specifier === "goodmailto/check") {
        return { url: contract, format: contract.endsWith(".ts") ? "module-typescript" : "module", shortCircuit: true };
      }
      const version = /\?version=\d+$/.exec(context.parentURL ?? "")?.[0];
      const resolved = nextResolve(specifier, context);
      return version === undefined || !isOwn(resolved.url) ? resolved : versioned(resolved, version);
    },
    load: (url, context, nextLoad) =>
      url.startsWith(scheme)
        ? { format: "module", source: `export * from ${JSON.stringify(url.slice(scheme.length))};`, shortCircuit: true }
        : nextLoad(url, context),
  });
}

/** Packages stay as they are. */
function isOwn(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/");
}

function versioned<Resolved extends { url: string; format?: string | null | undefined }>(
  resolved: Resolved,
  version: string,
): Resolved {
  const url = resolved.url.replace(/\?version=\d+$/, "");
  filesOf.get(version)?.add(fileURLToPath(url));
  const format = resolved.format ?? (/\.m?ts$/.test(url) ? "module-typescript" : undefined);
  return { ...resolved, url: url + version, ...(format === undefined ? {} : { format }) };
}

/** Why a file cannot be loaded, in one line, with the line of its code if that is the reason. */
export function whyNot(path: string, error: unknown): string {
  if (!(error instanceof Error)) {
    return `it throws ${String(error)}`;
  }
  if (errorCode(error) === "ERR_REQUIRE_ASYNC_MODULE") {
    return "it must not await at its top level";
  }
  const message = (error.message.split("\n", 1)[0] ?? "")
    .replace(/ imported from .*$/, "")
    .replaceAll(/\?version=\d+/g, "");
  const line = lineIn(path, error.stack ?? "") ?? (error instanceof SyntaxError ? lineOfSyntax(path) : undefined);
  return `${line === undefined ? "" : `line ${line}: `}${message}`;
}

function lineIn(path: string, text: string): string | undefined {
  const at = text.replaceAll(/\?version=\d+/g, "").split(`${path}:`)[1];
  return /^\d+/.exec(at ?? "")?.[0];
}

/** For JavaScript the engine says it only on standard error. */
function lineOfSyntax(path: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ["--check", path], { encoding: "utf8", timeout: 5_000 });
  return lineIn(path, stderr);
}
