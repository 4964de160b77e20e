/** The packages themselves: made, and used on a root without Node and without network. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { architectures } from "../../packaging/node.ts";
import { makeDeb } from "../../packaging/deb/deb.ts";
import { makeImage } from "../../packaging/oci/image.ts";
import { makeRpm } from "../../packaging/rpm/rpm.ts";
import { root, writeTree } from "../../packaging/tree.ts";
import { version } from "../../src/ops/version.ts";
import { missing } from "../fakes/need.ts";
import { isRoot } from "../fakes/postfix.ts";
import { inTerminal } from "../fakes/terminal.ts";

const epoch = 1_780_000_000;
const own = architectures.find(({ node }) => node === process.arch);
/** Whether this machine lets a test have a root of its own. */
const hasRoots =
  isRoot() &&
  spawnSync("unshare", [
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "sh",
    "-c",
    "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r",
  ]).status === 0;

const lacks = ["dpkg-deb", "rpmbuild", "buildah"].some((program) => missing(program));

describe.skipIf(lacks || own === undefined)("the packages", () => {
  let folder = "";
  let deb = "";
  let rpm = "";
  let image = "";

  beforeAll(async () => {
    process.env["GOODMAILTO_PACKAGE_QUICK"] = "1";
    folder = mkdtempSync(join(tmpdir(), "goodmailto-packages-"));
    const tree = join(folder, "tree");
    if (own !== undefined) {
      await writeTree(tree, { architecture: own, date: new Date(epoch * 1000) });
      rpm = makeRpm(tree, folder, own, epoch);
      image = await makeImage(tree, folder, own, epoch);
      deb = makeDeb(tree, folder, own, epoch);
    }
  }, 300_000);

  afterAll(() => {
    delete process.env["GOODMAILTO_PACKAGE_QUICK"];
    rmSync(folder, { recursive: true, force: true });
  });

  it("installs the same files by rpm, which runs from there", { timeout: 120_000 }, () => {
    const own = join(folder, "rpm-root");
    const words = ["--root", own, "--dbpath", "/db", "--nodeps", "--noscripts", "--ignorearch", "--ignoreos"];
    execFileSync("rpm", [...words, "-i", rpm], { stdio: "pipe" });
    const listed = (program: string, args: readonly string[]): string =>
      execFileSync(program, args, { encoding: "utf8", maxBuffer: 64e6 });
    const inRpm = listed("rpm", ["-qpl", rpm])
      .split("\n")
      .filter((path) => /\.(?:service|8\.gz|js)$|\/node$/.test(path));
    const inDeb = listed("dpkg-deb", ["-c", deb])
      .split("\n")
      .map((line) => line.split(" ./")[1] ?? "");
    expect(inRpm.length).toBeGreaterThan(100);
    expect(inRpm.filter((path) => !inDeb.includes(path.slice(1)))).toEqual([]);
    const lib = join(own, "usr/lib/goodmailto");
    expect(listed(join(lib, "node"), [join(lib, "dist/main.js"), "--version"])).toBe(`${version}\n`);
    expect(listed("rpm", ["-qp", "--scripts", rpm])).toContain("goodmailto-sync");
  });

  it.skipIf(!hasRoots)(
    "installs, starts, upgrades, removes and purges on a root of its own",
    { timeout: 300_000 },
    () => {
      const before = join(folder, "before");
      execFileSync("dpkg-deb", ["-R", deb, before]);
      const control = join(before, "DEBIAN/control");
      writeFileSync(control, readFileSync(control, "utf8").replace(/^Version: .*/m, "Version: 1.9.9"));
      const old = join(folder, "old.deb");
      execFileSync("dpkg-deb", ["-Zgzip", "-z1", "--root-owner-group", "-b", before, old], { stdio: "pipe" });
      const script = join(import.meta.dirname, "clean-root.sh");
      const { stdout, stderr } = spawnSync("bash", [script, old, deb], { encoding: "utf8" });
      expect(`${stdout}${stdout.endsWith("nothing left\n") ? "" : stderr}`.split("\n")).toEqual([
        "no node of the system",
        version,
        "goodmailto",
        "drwxr-x--- goodmailto-sync:goodmailto /var/lib/goodmailto",
        "drwx------ goodmailto:goodmailto /var/lib/goodmailto-relay",
        "-rw------- root:root /etc/goodmailto/ldap-password",
        "/etc/goodmailto/goodmailto.toml: no errors",
        expect.stringMatching(/^published 1 addresses/),
        "synced",
        "550 5.1.1 No such user here",
        version,
        "1",
        "550 5.1.1 No such user here",
        "goodmailto-check - show",
        "removed, and kept: goodmailto.toml ldap-password people.txt tcp.smtp ",
        "nothing left",
        "",
      ]);
    },
  );

  it.skipIf(!hasRoots)(
    "is there for a first refusal and the page in the five commands of the README",
    async () => {
      const readme = readFileSync(join(root, "README.md"), "utf8");
      const [, block = ""] = /^## Install it$.*?^```sh\n(.*?)^```$/ms.exec(readme) ?? [];
      const commands = join(folder, "commands");
      writeFileSync(commands, block);
      const [, name = ""] = /^dpkg -i (\S+)/.exec(block) ?? [];
      const named = join(folder, name);
      if (named !== deb) {
        copyFileSync(deb, named);
      }
      expect(block.trim().split("\n")).toHaveLength(5);
      const steps = [
        ["Kind of directory", "openldap"],
        ["Directory [", "ldap://192.0.2.10"],
        ["Base DN", "dc=kontor,dc=example"],
        ["Bind DN", "cn=reader,dc=kontor,dc=example"],
        ["Domains", "kontor.example"],
        ["Internal mail server", "smtp://192.0.2.25"],
        ["Status page", ""],
        ["How long to keep", ""],
        ["Password of", "very secret"],
      ] as const;
      const { said, missed } = await inTerminal(
        ["/bin/bash", join(import.meta.dirname, "first-refusal.sh"), commands, named],
        steps.map(([asked, answer]) => [asked, `${answer}\r`] as const),
      );
      expect(missed, said).toEqual([]);
      const [, token = "no token"] = /^Log in with this token.*:\n {2}(\w{40})$/m.exec(said.replaceAll("\r", "")) ?? [];
      const lines = said.split("\r\n");
      for (const line of [
        "no node of the system",
        "directory: 1 entries, 1 addresses",
        "<** 550 5.1.1 No such user here",
        `-rw------- goodmailto /etc/goodmailto/web-token ${token}`,
        "-rw------- root /etc/goodmailto/ldap-password",
        "-rw-r----- goodmailto-sync /var/lib/goodmailto/snapshot.sqlite",
        "srw------- goodmailto /run/goodmailto/relay.sock",
        "page: <h1>Journal</h1>",
        "page: nobody@kontor.example",
        "page: 550 5.1.1 No such user here",
      ]) {
        expect(lines).toContain(line);
      }
      expect(lines.filter((line) => line.startsWith("exit "))).toEqual(["exit 24"]);
      expect(lines.filter((line) => line.startsWith("fault"))).toEqual([]);
      expect(lines).toContain("ok      relay: 1 process answers");
      expect(lines).toContain("ok      web: http://127.0.0.1:8996/, login by token");
    },
    120_000,
  );

  it.skipIf(!hasRoots)("is healthy in a container, read-only and without root", { timeout: 120_000 }, () => {
    const script = join(import.meta.dirname, "image-root.sh");
    const { stdout, stderr } = spawnSync("bash", [script, image], { encoding: "utf8" });
    const [, octets = "0"] = /^octets: (\d+)$/m.exec(stdout) ?? [];
    expect(`${stdout}${stdout.endsWith("stopped\n") ? "" : stderr}`.split("\n")).toEqual([
      "10025:10025 /usr/lib/goodmailto/node --min-semi-space-size=4 /usr/lib/goodmailto/dist/main.js serve --config /etc/goodmailto/goodmailto.toml",
      "CMD /usr/lib/goodmailto/node /usr/lib/goodmailto/health.js",
      `octets: ${octets}`,
      "no relay has a socket in /run/goodmailto",
      "unhealthy",
      "/etc/goodmailto/goodmailto.toml: no errors",
      "healthy",
      "550 5.7.1 Relaying denied",
      "stopped",
      "",
    ]);
    // Node has 109e6 of them, with the data of all languages; libraries of the system 5e6.
    expect(Number(octets)).toBeLessThan(120e6);
    const packed = execFileSync("sh", ["-c", `gzip -1 -c ${image} | wc -c`], { encoding: "utf8" });
    expect(Number(packed)).toBeLessThan(55e6);
  });
});
