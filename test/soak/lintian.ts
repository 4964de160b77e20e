/**
 * What lintian says of the .deb: `sh src/node.sh test/soak/lintian.ts`. Exits 1 over an error or a warning. A minute, so it
 * is no test.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeDeb } from "../../packaging/deb/deb.ts";
import { architectures } from "../../packaging/node.ts";
import { writeTree } from "../../packaging/tree.ts";
import { missing } from "../fakes/need.ts";

const epoch = 1_780_000_000;
const own = architectures.find(({ node }) => node === process.arch);
if (own === undefined || missing("lintian") || missing("dpkg-deb")) {
  process.stderr.write("Needs lintian and dpkg-deb, on x86-64 or ARM64.\n");
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), "goodmailto-lintian-"));
try {
  process.env["GOODMAILTO_PACKAGE_QUICK"] = "1";
  const tree = join(folder, "tree");
  await writeTree(tree, { architecture: own, date: new Date(epoch * 1000) });
  const deb = makeDeb(tree, folder, own, epoch);
  const { status, stdout, stderr } = spawnSync("lintian", ["--fail-on", "error,warning", "--allow-root", deb], {
    encoding: "utf8",
    timeout: 600_000,
  });
  process.stdout.write(`${stdout}${stderr}${status === 0 ? "lintian has nothing to say\n" : ""}`);
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
