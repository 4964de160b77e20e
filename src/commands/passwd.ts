/** `goodmailto passwd`: one user's line for the file of `[auth] passwords`. The password is never on a command line. */
import { Command } from "commander";

import { errorMessage } from "../report/error-message.ts";
import { setPassword } from "../auth/password-writer.ts";
import { isUserName } from "../auth/backends/passwords.ts";
import { isPlainPassword, plainSecret } from "../auth/backends/password-secret.ts";
import { makeHash } from "../auth/backends/scrypt.ts";
import { exit } from "../ops/exit.ts";
import { readLine, readSecrets } from "../ops/secret-input.ts";

/** As the SMTP side: no client can send more. */
const maxOctets = 1024;

/** Builds the verb. */
export function passwdCommand(): Command {
  return new Command("passwd")
    .description("Hash a password from the terminal or standard input; print the line or store it with --file")
    .argument("<user>", "login name")
    .option("-f, --file <file>", "replace or add the user's line in this file; a new file has mode 0600")
    .option("--plain", "do not hash: CRAM-MD5 needs the password itself, and so does who steals the file")
    .action(passwd);
}

async function passwd(user: string, { file, plain = false }: { file?: string; plain?: boolean }): Promise<void> {
  if (!isUserName(user)) {
    fail(
      `"${user}" cannot be a user name: no colon, no control characters, no blanks at its ends, no "#" first`,
      exit.usage,
    );
    return;
  }
  const password = await askPassword(user);
  if (password === undefined) {
    return;
  }
  if (plain && !isPlainPassword(password)) {
    fail("A password that is not hashed cannot have control characters", exit.usage);
    return;
  }
  const line = `${user}:${plain ? plainSecret(password) : await makeHash(password)}`;
  if (file === undefined) {
    process.stdout.write(`${line}\n`);
    return;
  }
  try {
    setPassword(file, user, line);
  } catch (error) {
    fail(`Cannot write "${file}": ${errorMessage(error)}`, exit.unavailable);
  }
}

/** Undefined if there is none that can be used; the user has seen why. */
async function askPassword(user: string): Promise<string | undefined> {
  const typed = process.stdin.isTTY;
  const [password, again] = typed
    ? ((await readSecrets([`Password for ${user}: `, "Again: "])) ?? [])
    : [await readLine(maxOctets)];
  if (password === undefined) {
    fail("No password was given", exit.usage);
  } else if (password === "" || password.includes("\0") || Buffer.byteLength(password) > maxOctets) {
    fail(`A password has 1 to ${maxOctets} octets, and none is NUL`, exit.usage);
  } else if (typed && again !== password) {
    fail("The two are not the same", exit.usage);
  } else {
    return password;
  }
  return undefined;
}

function fail(message: string, code: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = code;
}
