/** The packages of npm that the program needs where it runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Entry {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** Their folders below node_modules, outer ones only: what lies within one comes with it. @param root the checkout */
export function productionPackages(root: string): readonly string[] {
  const lock: { readonly packages: Readonly<Record<string, Entry>> } = JSON.parse(
    readFileSync(join(root, "package-lock.json"), "utf8"),
  );
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path.startsWith("node_modules/") && dev !== true && devOptional !== true)
    .map(([path]) => path.slice("node_modules/".length))
    .filter((name) => !name.includes("/node_modules/") && !name.startsWith("node-linux-"));
}
