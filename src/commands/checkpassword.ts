/**
 * `goodmailto checkpassword`: a checkpassword program that asks a directory, for `[auth] command`. It runs for one
 * login and ends, so the relay itself holds no LDAP code. https://cr.yp.to/checkpwd/interface.html
 */
import { accessSync, closeSync, constants, readSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

import { Command } from "commander";

import { errorCode, errorMessage } from "../report/error-message.ts";
import type { SourceSettings } from "../config/schema.ts";
import { verifyLogin } from "../../sync/sources/login.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";

/** The interface's own exit codes. */
const answer = { right: 0, wrong: 1, misused: 2, temporary: 111 } as const;

/** The interface allows 512 octets; the relay sends up to 2 kB. */
const maxOctets = 4096;

interface Words {
  readonly config: string;
  readonly source: string;
  readonly filter: string;
}

/** Builds the verb. */
export function checkpasswordCommand(): Command {
  return new Command("checkpassword")
    .description("Verify a user and password from descriptor 3 by an LDAP bind")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .requiredOption("-s, --source <name>", "the [[source]] of type ldap to ask")
    .option("--filter <filter>", "how the user is found; %u is the name", "(|(uid=%u)(mail=%u))")
    .argument("[program...]", "program to run if the password is right, instead of exiting with 0")
    .passThroughOptions()
    .action(checkpassword);
}

async function checkpassword(program: readonly string[], words: Words): Promise<void> {
  const given = readCredentials();
  if (given === undefined) {
    finish(answer.misused, "descriptor 3 holds no user and password, each ended by NUL");
    return;
  }
  const source = sourceOf(words);
  if (typeof source === "string") {
    finish(answer.temporary, source);
    return;
  }
  const query = { settings: source, folder: dirname(words.config), filter: words.filter };
  try {
    // The source's time limit holds for all of it, not for each answer.
    const found = await verifyLogin(query, given.user, given.password, AbortSignal.timeout(source.timeout));
    if (found.kind === "refused") {
      finish(answer.wrong, found.why);
    } else {
      become(program, given.user);
    }
  } catch (error) {
    finish(error instanceof RangeError ? answer.misused : answer.temporary, errorMessage(error));
  }
}

/** Descriptor 3 to its end. Undefined if it is not open, or holds something else. */
function readCredentials(): { readonly user: string; readonly password: string } | undefined {
  const room = Buffer.alloc(maxOctets + 1);
  let size = 0;
  try {
    for (;;) {
      const read = readMore(room, size);
      size += read;
      if (read === 0 || size > maxOctets) {
        break;
      }
    }
    closeSync(3);
  } catch {
    return undefined;
  }
  const [user, password, ...rest] = room.toString("utf8", 0, size).split("\0");
  // The stamp, and what is behind its NUL: a password without its NUL was cut.
  return user === undefined || password === undefined || rest.length === 0 || size > maxOctets
    ? undefined
    : { user, password };
}

function readMore(room: Buffer, size: number): number {
  for (;;) {
    try {
      return readSync(3, room, size, room.length - size, null);
    } catch (error) {
      // A descriptor that does not block by itself has nothing yet. The caller ends this process if it never has.
      if (errorCode(error) !== "EAGAIN") {
        throw error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** The source, or why there is none. */
function sourceOf({ config, source: name }: Words): SourceSettings | string {
  const settings = loadSettings(config, ["sync"]);
  if (settings === undefined) {
    return "the configuration has errors";
  }
  const source = settings.source.find((each) => each.name === name);
  return source?.type === "ldap" ? source : `there is no [[source]] "${name}" of type ldap`;
}

/** The environment, for the program that follows. */
function given(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Ends well, or becomes the program, as the interface asks. */
function become([name, ...words]: readonly string[], user: string): void {
  if (name === undefined) {
    process.exitCode = answer.right;
    return;
  }
  try {
    const { execve } = process;
    if (execve === undefined) {
      throw new Error("this system has no execve");
    }
    execve(find(name), [name, ...words], { ...given(), USER: user });
  } catch (error) {
    finish(answer.temporary, `cannot run "${name}": ${errorMessage(error)}`);
  }
}

/** As execvp: a name without a slash is looked for along PATH. */
function find(name: string): string {
  const places = (process.env["PATH"] ?? "/usr/bin:/bin").split(delimiter);
  const found = (name.includes("/") ? [name] : places.map((place) => join(place, name))).find(isExecutable);
  // To be sure of it beforehand: an execve that fails takes the process with it.
  if (found === undefined) {
    throw new Error("no such program");
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** One line on standard error, never of the password. */
function finish(code: number, why: string): void {
  process.stderr.write(`checkpassword: ${why}\n`);
  process.exitCode = code;
}
