/**
 * Whether a program that a test needs is installed, with the parts that the test needs of it. What is missing is a
 * skip that the closing line counts and names; in CI it is a failure.
 */
import { spawnSync } from "node:child_process";
import { accessSync, appendFileSync, constants, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Where the runs of the tests write why they skipped something; test/reporter.ts makes it and reads it. */
export const skipsFile = "GOODMAILTO_TEST_SKIPS";

/** The system's folders, and that of PostgreSQL's server, which Debian keeps to itself. */
const own = ["/usr/sbin", "/sbin", "/usr/local/sbin", ...globSync("/usr/lib/postgresql/*/bin")];
const path = [process.env["PATH"] ?? "", ...own].join(delimiter);

/** Debian leaves out /etc/postfix/main.cf if nobody has configured it, and postconf reads one before it answers. */
function postfixHas(type: string): boolean {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-postconf-"));
  try {
    writeFileSync(join(folder, "main.cf"), "");
    const { stdout } = run(["postconf", "-c", folder, "-m"]);
    return (stdout ?? "").split("\n").includes(type);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** PAM's module for a file of users, and the right to name a service of PAM, which root has. */
function hasPwdfile(): boolean {
  try {
    accessSync("/etc/pam.d", constants.W_OK);
    return globSync("/usr/lib/*/security/pam_pwdfile.so").length > 0;
  } catch {
    return false;
  }
}

/** What makes a domain, and the right to listen on its ports, which has root. */
function canServeDomain(): boolean {
  const parts = [
    "/usr/lib/python3/dist-packages/samba/provision/__init__.py",
    "/usr/share/samba/setup/provision.ldif",
    "/usr/lib/*/samba/ldb/samba_dsdb.so",
    "/usr/lib/*/samba/vfs/acl_xattr.so",
  ];
  const programs = ["samba-tool", "ldbmodify"];
  return process.getuid?.() === 0 && parts.every((part) => globSync(part).length > 0) && programs.every(installed);
}

function run([command = "", ...words]: readonly string[]): { status: number | null; stdout?: string } {
  return spawnSync(command, words, { env: { ...process.env, PATH: path }, timeout: 20_000, encoding: "utf8" });
}

/**
 * What a program may be without though it is installed: a command that ends with 0 if the part is there, or what finds
 * it out.
 */
const parts = {
  "Net::SSLeay": ["perl", "-MNet::SSLeay", "-e", "1"],
  "MaxMind::DB::Writer": ["perl", "-MMaxMind::DB::Writer::Tree", "-e", "1"],
  "Net::IP": ["perl", "-MNet::IP", "-e", "1"],
  lmdb: () => postfixHas("lmdb"),
  pam_pwdfile: hasPwdfile,
  "a domain controller": canServeDomain,
  Milter: ["/usr/bin/python3", "-c", "import Milter"],
  "the standard library": ["python3", "-c", "import array, os, pty, select, socket"],
  "stdio.h": ["sh", "-c", "echo '#include <stdio.h>' | cc -E -x c -"],
  "TLS and WebDAV": ["sh", "-c", "nginx -V 2>&1 | grep http_ssl_module | grep -q http_dav_module"],
  "the mail module": ["test", "-e", "/usr/lib/nginx/modules/ngx_mail_module.so"],
  "its schemas": ["test", "-e", "/etc/ldap/schema/inetorgperson.schema"],
  LMTP: ["test", "-e", "/usr/lib/dovecot/lmtp"],
  "its scripts": ["nmap", "--script-help", "smtp-open-relay"],
} as const;

type Part = keyof typeof parts;

/** Parts without which no test can use the program. */
const always: Readonly<Record<string, Part>> = {
  postfix: "lmdb",
  python3: "the standard library",
  cc: "stdio.h",
  nginx: "TLS and WebDAV",
  slapd: "its schemas",
  nmap: "its scripts",
  "qpsmtpd-forkserver": "Net::IP",
};

const tried = new Map<Part, boolean>();

/**
 * True if the program is on neither PATH nor the system folders, or is there without a part that the test needs.
 * @throws Error in CI, if nothing may be skipped
 */
export function missing(program: string, part: Part | undefined = always[program]): boolean {
  if (!installed(program)) {
    return skippedOutsideCi(`cannot find "${program}"`);
  }
  return part !== undefined && !has(part) && skippedOutsideCi(`"${program}" lacks ${part}`);
}

/** Whether the program is on PATH or in the system folders. */
export function installed(program: string): boolean {
  return path.split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

/** Notes why tests are skipped that no installation would help. Always true, for `skipIf`. */
export function skipped(reason: string): true {
  const file = process.env[skipsFile];
  if (file !== undefined) {
    appendFileSync(file, `${reason}\n`);
  }
  return true;
}

function skippedOutsideCi(reason: string): true {
  if (process.env["CI"] === "true") {
    throw new Error(`Cannot test: ${reason}, and CI may skip nothing`);
  }
  return skipped(reason);
}

function has(part: Part): boolean {
  const look = parts[part];
  const known = tried.get(part) ?? (typeof look === "function" ? look() : run(look).status === 0);
  tried.set(part, known);
  return known;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
