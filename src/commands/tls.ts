/** `goodmailto tls self-signed`: a certificate to begin with, until there is a real one. */
import { Command, InvalidArgumentError } from "commander";

import { errorCode, errorMessage } from "../report/error-message.ts";
import { isCertificateName, makeSelfSigned } from "../auth/self-signed.ts";
import { createFiles } from "../files/create.ts";
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
  // The key first: a certificate without its key is of no use.
  const files = [
    { path: key, text: made.key, mode: 0o600 },
    { path: cert, text: made.certificate, mode: 0o644 },
  ];
  try {
    if (force === true) {
      files.forEach(({ path, text, mode }) => replaceFile(path, text, { mode }));
    } else {
      createFiles(files);
    }
  } catch (error) {
    const [code, message] = [errorCode(error), errorMessage(error)];
    const hint = code === "EEXIST" ? "; --force replaces it" : "";
    process.stderr.write(`goodmailto: no certificate is made: ${message}${hint}\n`);
    process.exitCode = exit.unavailable;
    return;
  }
  process.stdout.write(`${cert}: for ${name.join(", ")}, ${days} days; clients do not trust it by default\n`);
}
