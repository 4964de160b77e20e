/**
 * `npm run package [-- deb | rpm | image] [--architecture amd64 | arm64]`: packages with a Node of their own, in
 * dist/packages. `npm run bundle`: only the program as plain JavaScript, in dist.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { build, warm } from "./bundle.ts";
import { makeDeb } from "./deb/deb.ts";
import { architectures } from "./node.ts";
import { makeImage } from "./oci/image.ts";
import { makeRpm } from "./rpm/rpm.ts";
import type { Architecture } from "./node.ts";
import { root, writeTree } from "./tree.ts";

type Maker = (tree: string, out: string, architecture: Architecture, epoch: number) => string | Promise<string>;

const makers: Readonly<Record<string, Maker>> = { deb: makeDeb, rpm: makeRpm, image: makeImage };

/** Seconds: of the newest commit, so that the same commit gives the same package. */
function epochOf(): number {
  const { SOURCE_DATE_EPOCH: given } = process.env;
  const text = given ?? execFileSync("git", ["-C", root, "log", "-1", "--format=%ct"], { encoding: "utf8" });
  return Number(text);
}

async function makeBundle(): Promise<void> {
  const folder = join(root, "dist");
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder).filter((entry) => entry !== "packages" && entry !== "node")) {
    rmSync(join(folder, name), { recursive: true });
  }
  await build(folder);
  await warm(folder);
}

async function makePackages(kinds: readonly string[], wanted: readonly Architecture[]): Promise<void> {
  const out = join(root, "dist/packages");
  mkdirSync(out, { recursive: true });
  const epoch = epochOf();
  for (const architecture of wanted) {
    for (const kind of kinds) {
      const tree = mkdtempSync(join(tmpdir(), "goodmailto-package-"));
      try {
        await writeTree(tree, { architecture, date: new Date(epoch * 1000) });
        const path = await makers[kind]?.(tree, out, architecture, epoch);
        process.stdout.write(`${path}\n`);
      } finally {
        rmSync(tree, { recursive: true, force: true });
      }
    }
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { architecture: { type: "string" } } });
const unknown = positionals.filter((word) => word !== "bundle" && !(word in makers));
const wanted = architectures.filter(({ deb }) => values.architecture === undefined || deb === values.architecture);
if (unknown.length > 0 || wanted.length === 0) {
  process.stderr.write(
    `package: ${unknown[0] ?? values.architecture} is none of: bundle, ${Object.keys(makers).join(", ")}; --architecture amd64, arm64\n`,
  );
  process.exitCode = 2;
} else if (positionals.includes("bundle")) {
  await makeBundle();
} else {
  await makePackages(positionals.length === 0 ? Object.keys(makers) : positionals, wanted);
}
