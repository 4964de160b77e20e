/** Before the tests: makes the bundle that they start, unless there is one of this very source. */
import { createHash } from "node:crypto";
import { globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { bundleVariable } from "../program.ts";
import { build } from "../../packaging/bundle.ts";
import { warmQuick } from "../../packaging/quick.ts";

const root = join(import.meta.dirname, "../..");
const bundles = join(root, "node_modules/.bundles");
const day = 86_400_000;

export default async function setup(): Promise<void> {
  if (process.env["GOODMAILTO_TEST_SOURCE"] === "1") {
    delete process.env[bundleVariable];
    return;
  }
  const folder = join(bundles, fingerprint());
  if (!isThere(folder)) {
    await makeAt(folder);
  }
  process.env[bundleVariable] = join(folder, "main.js");
}

/** Of all that the bundle is made of. */
function fingerprint(): string {
  const hash = createHash("sha256").update(process.version);
  const made = [
    "{src,sync}/**/*.{ts,js}",
    "package-lock.json",
    "packaging/{bundle,lazy-module,places,quick,usual-run}.ts",
  ];
  for (const file of globSync(made, { cwd: root }).toSorted()) {
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(root, file)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 20);
}

/** Another run may do the same at this moment: whoever is first has made it. */
async function makeAt(folder: string): Promise<void> {
  mkdirSync(bundles, { recursive: true });
  removeOld();
  const own = `${folder}.${process.pid}`;
  await build(own);
  await warmQuick(own);
  try {
    renameSync(own, folder);
  } catch (error) {
    rmSync(own, { recursive: true, force: true });
    if (!isThere(folder)) {
      throw error;
    }
  }
}

function isThere(folder: string): boolean {
  return statSync(join(folder, "main.js"), { throwIfNoEntry: false }) !== undefined;
}

/** A run that began with one of them may still need it. */
function removeOld(): void {
  for (const name of readdirSync(bundles)) {
    const path = join(bundles, name);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) < Date.now() - day) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
