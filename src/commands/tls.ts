/** `goodmailto tls self-signed`: a certificate to begin with, until there is a real one. */
import { closeSync, fchmodSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";

import { Command, InvalidArgumentError } from "commander";

import { isCertificateName, makeSelfSigned } from "../auth/self-signed.ts";
import { replaceFile } from "../files/replace.ts";
import { exit } from "../ops/exit.ts";

interface Words {
  readonly name: readonly string[];
  readonly cert: string;
  readonly key: string;
  readonly days: number;
  readonly force?: true;
}

/** Builds the verb. */
export function tlsCommand(): Command {
  const selfSigned = new Command("self-signed")
    .description("Create a key and a self-signed certificate for testing")
    .requiredOption("-n, --name <name...>", "host names or IP addresses, the relay's own first", addName)
    .requiredOption("--cert <file>", "certificate file to write (PEM)")
    .requiredOption("--key <file>", "private key file to write (PEM, mode 0600)")
    .option("--days <number>", "days until it expires", parseDays, 365)
    .option("--force", "replace existing files")
    .action(writeSelfSigned);
  return new Command("tls").description("Manage certificates").addCommand(selfSigned);
}

function addName(name: string, before: readonly string[] = []): readonly string[] {
  if (!isCertificateName(name)) {
    throw new InvalidArgumentError("It is neither a host name nor an IP address.");
  }
  return [...before, name];
}

function parseDays(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) {
    throw new InvalidArgumentError("It must be a number from 1 to 9999.");
  }
  return Number(text);
}

function writeSelfSigned({ name, cert, key, days, force }: Words): void {
  const hour = 3_600_000;
  const made = makeSelfSigned(name, { from: new Date(Date.now() - hour), days });
  const written: string[] = [];
  try {
    for (const [path, text, mode] of [
      [key, made.key, 0o600],
      [cert, made.certificate, 0o644],
    ] as const) {
      if (force === true) {
        replaceFile(path, text, { mode });
      } else {
        createFile(path, text, mode);
      }
      written.push(path);
    }
  } catch (error) {
    // Half a pair is of no use; with --force the old one is gone in any case.
    if (force !== true) {
      written.forEach((path) => rmSync(path, { force: true }));
    }
    const { code, message } = error as NodeJS.ErrnoException;
    const hint = code === "EEXIST" ? "; --force replaces it" : "";
    process.stderr.write(`Cannot write the certificate: ${message}${hint}\n`);
    process.exitCode = exit.unavailable;
    return;
  }
  process.stdout.write(`${cert}: for ${name.join(", ")}, ${days} days; no client trusts it unless it is told to\n`);
}

/** @throws Error with the code EEXIST where something is there already, a link included */
function createFile(path: string, text: string, mode: number): void {
  const file = openSync(path, "wx", mode);
  try {
    // Whatever the umask says: the relay must be able to read its certificate.
    fchmodSync(file, mode);
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
