/** An image for podman and docker, made by buildah: a root of its own, without a shell. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { version } from "../../src/ops/version.ts";
import type { Architecture } from "../node.ts";
import { buildSmall } from "./small.ts";

const user = 10025;
/** Names are looked up in these files and by DNS; the libraries of the C library that do so are loaded by name. */
const system: Readonly<Record<string, string>> = {
  "etc/passwd": `root:x:0:0:root:/:/sbin/nologin\ngoodmailto:x:${user}:${user}:goodmailto:/:/sbin/nologin\n`,
  "etc/group": `root:x:0:\ngoodmailto:x:${user}:\n`,
  "etc/nsswitch.conf": "hosts: files dns\n",
};

/**
 * Writes goodmailto_VERSION_ARCH.image.tar.
 * @param tree what a package installs
 * @returns its path
 * @throws Error for another architecture than this machine's: its libraries are not here
 */
export async function makeImage(tree: string, out: string, architecture: Architecture, epoch: number): Promise<string> {
  if (architecture.node !== process.arch) {
    throw new Error(`an image for ${architecture.oci} can only be made on such a machine`);
  }
  const work = mkdtempSync(join(tmpdir(), "goodmailto-image-"));
  const path = join(out, `goodmailto_${version}_${architecture.oci}.image.tar`);
  try {
    const root = join(work, "root");
    await writeRoot(tree, root);
    rmSync(path, { force: true });
    const store = ["--storage-driver", "vfs", "--root", join(work, "store"), "--runroot", join(work, "run")];
    const file = [
      "--format",
      "docker",
      "--isolation",
      "chroot",
      "--timestamp",
      String(epoch),
      "--file",
      join(import.meta.dirname, "Containerfile"),
    ];
    const target = `docker-archive:${path}:goodmailto:${version}`;
    execFileSync("buildah", [...store, "build", "--quiet", ...file, "--tag", target, root], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return path;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What the program reads where it runs, besides itself: lists and scripts of the configuration, SQLite, its version. */
const read = [
  "node",
  "package.json",
  "config/spp",
  "config/clients",
  "config/demo",
  "config/tcp.smtp",
  "node_modules/better-sqlite3",
];

/** The whole root of a container: its program without pages and source, and what Node needs of the system. */
export async function writeRoot(tree: string, root: string): Promise<void> {
  const lib = "usr/lib/goodmailto";
  read.forEach((path) => cpSync(join(tree, lib, path), join(root, lib, path), { recursive: true }));
  await buildSmall(join(root, lib, "dist"));
  copyFileSync(join(import.meta.dirname, "health.js"), join(root, lib, "health.js"));
  for (const path of librariesOf(join(root, lib, "node"))) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
    chmodSync(join(root, path), 0o755);
  }
  for (const [path, text] of Object.entries(system)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  for (const [path, mode] of [
    ["tmp", 0o1777],
    ["etc/goodmailto", 0o755],
    ["var/lib/goodmailto", 0o755],
    ["var/lib/goodmailto-relay", 0o777],
    ["run/goodmailto", 0o777],
  ] as const) {
    mkdirSync(join(root, path), { recursive: true });
    chmodSync(join(root, path), mode);
  }
}

/** What the loader reads for it, and the loader. */
function librariesOf(program: string): readonly string[] {
  const listed = execFileSync("ldd", [program], { encoding: "utf8" });
  return [...listed.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
}
