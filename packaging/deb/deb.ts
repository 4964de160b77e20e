/** A package of Debian, made by dpkg-deb. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import { version } from "../../src/ops/version.ts";
import { maintainer } from "../maintainer.ts";
import type { Architecture } from "../node.ts";

const scripts = ["postinst", "prerm", "postrm"];

/** Writes goodmailto_VERSION_ARCH.deb. @param tree what it installs; gets a folder DEBIAN @returns its path */
export function makeDeb(tree: string, out: string, architecture: Architecture, epoch: number): string {
  const files = filesOf(tree);
  const control = join(tree, "DEBIAN");
  mkdirSync(control);
  chmodSync(control, 0o755);
  const kibibytes = files.reduce((sum, file) => sum + Math.ceil(statSync(join(tree, file)).size / 1024), 0);
  writeFileSync(join(control, "control"), controlOf(architecture, kibibytes));
  const settings = files.filter((file) => file.startsWith("etc/"));
  writeFileSync(join(control, "conffiles"), settings.map((file) => `/${file}\n`).join(""));
  writeFileSync(
    join(control, "md5sums"),
    files
      .filter((file) => !settings.includes(file))
      .map((file) => `${md5(join(tree, file))}  ${file}\n`)
      .join(""),
  );
  for (const name of scripts) {
    copyFileSync(join(import.meta.dirname, name), join(control, name));
    chmodSync(join(control, name), 0o755);
  }
  const path = join(out, `goodmailto_${version}_${architecture.deb}.deb`);
  execFileSync("dpkg-deb", [...compression(), "--root-owner-group", "--build", tree, path], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return path;
}

/** Relative paths, in order. */
export function filesOf(tree: string): readonly string[] {
  return readdirSync(tree, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)))
    .sort();
}

function md5(path: string): string {
  return createHash("md5").update(readFileSync(path)).digest("hex");
}

function controlOf({ deb }: Architecture, kibibytes: number): string {
  return `Package: goodmailto
Version: ${version}
Architecture: ${deb}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 11), adduser
Recommends: systemd
Section: mail
Priority: optional
Description: SMTP relay that refuses unknown recipients
 A relay in front of a mail server that knows who exists there. It refuses
 unknown recipients with 550 and passes on everything else while the sender
 waits, so that nobody gets a bounce for mail that was never theirs.
 .
 The recipients come from LDAP directories (HCL Domino, Active Directory,
 OpenLDAP and others), SQL databases, files and programs. While there is no
 list, mail for the own domains is accepted. It is never an open relay.
`;
}

/** Tests do not wait for a small file. */
function compression(): readonly string[] {
  return process.env["GOODMAILTO_PACKAGE_QUICK"] === "1" ? ["-Zgzip", "-z1"] : ["-Zxz"];
}
