/** A package of Fedora, RHEL, SUSE and their kin, made by rpmbuild. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { version } from "../../src/ops/version.ts";
import { filesOf } from "../deb/deb.ts";
import type { Architecture } from "../node.ts";

/** Writes goodmailto-VERSION-1.ARCH.rpm. @param tree what it installs @returns its path */
export function makeRpm(tree: string, out: string, { rpm }: Architecture, epoch: number): string {
  const work = mkdtempSync(join(tmpdir(), "goodmailto-rpm-"));
  try {
    const spec = join(work, "goodmailto.spec");
    writeFileSync(spec, specOf(tree));
    const defines = [
      `_topdir ${work}`,
      `_rpmdir ${work}/made`,
      "_build_id_links none",
      "source_date_epoch_from_changelog 0",
      ...packing(),
    ];
    const words = [
      ...defines.flatMap((define) => ["--define", define]),
      "--buildroot",
      join(work, "root"),
      "--target",
      rpm,
    ];
    execFileSync("rpmbuild", ["-bb", "--quiet", ...words, spec], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const name = `goodmailto-${version}-1.${rpm}.rpm`;
    cpSync(join(work, "made", rpm, name), join(out, name));
    return join(out, name);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Tests do not wait for a small file. */
function packing(): readonly string[] {
  return process.env["GOODMAILTO_PACKAGE_QUICK"] === "1" ? ["_binary_payload w1.gzdio"] : ["_binary_payload w6.xzdio"];
}

function specOf(tree: string): string {
  const scripts = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".sh"));
  const parts = scripts.map(
    (name) => `%${name.slice(0, -3)}\n${readFileSync(join(import.meta.dirname, name), "utf8")}`,
  );
  const files = filesOf(tree).map((file) => `${file.startsWith("etc/") ? "%config(noreplace) " : ""}"/${file}"`);
  return `Name: goodmailto
Version: ${version}
Release: 1
Summary: SMTP relay that refuses unknown recipients
License: MIT
AutoReqProv: no
Requires: glibc >= 2.28, libstdc++, shadow-utils
%description
A relay in front of a mail server that refuses unknown recipients with 550 and
passes on everything else while the sender waits. The recipients come from LDAP
directories, SQL databases, files and programs.
%global debug_package %{nil}
%global __os_install_post %{nil}
%install
mkdir -p %{buildroot}
cp -a ${tree}/. %{buildroot}/
${parts.join("\n")}
%files
%defattr(-,root,root,-)
%dir /usr/lib/goodmailto
%dir /etc/goodmailto
${files.join("\n")}
`;
}
