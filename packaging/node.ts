/** The Node that a package brings: that of package-lock.json, for any of its architectures. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
/** What was fetched stays here. */
const store = join(root, "dist/node");

/** One kind of machine, by all of its names. */
export interface Architecture {
  readonly node: string;
  readonly deb: string;
  readonly rpm: string;
  readonly oci: string;
}

/** All that there are packages for. */
export const architectures: readonly Architecture[] = [
  { node: "x64", deb: "amd64", rpm: "x86_64", oci: "amd64" },
  { node: "arm64", deb: "arm64", rpm: "aarch64", oci: "arm64" },
];

interface Locked {
  readonly version: string;
  readonly integrity: string;
}

/** The path of its Node, which is fetched by npm if this machine is of another kind. @throws Error if it is not what the lock says */
export function nodeOf({ node }: Architecture): string {
  const name = `node-linux-${node}`;
  const own = join(root, "node_modules", name, "bin/node");
  if (existsSync(own)) {
    return own;
  }
  const fetched = join(store, name);
  if (!existsSync(fetched)) {
    fetchPackage(name, fetched);
  }
  return join(fetched, "bin/node");
}

function fetchPackage(name: string, folder: string): void {
  const lock: { readonly packages: Readonly<Record<string, Locked>> } = JSON.parse(
    readFileSync(join(root, "package-lock.json"), "utf8"),
  );
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) {
    throw new Error(`package-lock.json has no ${name}`);
  }
  mkdirSync(store, { recursive: true });
  execFileSync("npm", ["pack", "--silent", "--pack-destination", store, `${name}@${locked.version}`], { cwd: root });
  const archive = join(store, `${name}-${locked.version}.tgz`);
  const hash = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (hash !== locked.integrity) {
    rmSync(archive);
    throw new Error(`${name} ${locked.version} is not what package-lock.json says`);
  }
  const scratch = `${folder}.new`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  execFileSync("tar", ["-xzf", archive, "-C", scratch, "--strip-components=1"]);
  renameSync(scratch, folder);
  rmSync(archive);
}
