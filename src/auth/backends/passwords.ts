/**
 * The password file: one `user:hash` or `user:{PLAIN}password` per line, blank lines and `#` lines left out. Looked at
 * before each check and read again when it changes; a file with errors leaves the previous users.
 */
import { constants, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

import { errorMessage } from "../../report/error-message.ts";
import { decode } from "../../config/config-text.ts";
import * as field from "../../config/fields.ts";
import { BackEndFault, defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition, ClearAnswer, Login } from "./contract.ts";
import { fits, parseSecret } from "./password-secret.ts";
import type { UserSecret } from "./password-secret.ts";
import { dummyHash } from "./scrypt.ts";
import type { ScryptHash } from "./scrypt.ts";

export const passwords: BackEndDefinition = defineBackEnd({
  name: "passwords",
  doc: "A file of users with their password hashes or passwords, read again when it changes.",
  inAuth: true,
  settings: {
    passwords: field.secretFile('File of "user:hash" or "user:{PLAIN}password" lines made by `goodmailto passwd`.'),
  },
  key: "passwords",
  timeout: "20s",
  tellsUnknown: true,
  holdsClear: () => true,
  create({ passwords: path }, { log }) {
    const file = openPasswords(path, (why) => log.error("auth", "bad password file", { why }));
    return {
      check: (login) => file.check(login),
      ...(file.holdsClear ? { clearOf: (user: string) => file.clearOf(user) } : {}),
    };
  },
});

/** At start and reload a file with errors is refused; later it is only complained about. */
function openPasswords(path: string, complain: (why: string) => void): PasswordFile {
  const { users, faults } = parsePasswords(readFileSync(path));
  if (faults.length > 0) {
    throw new BackEndFault(faults.map(({ line, message }) => `${path}:${line}: ${message}`).join("\n"));
  }
  const file = new PasswordFile(path, complain);
  file.take(users);
  return file;
}

/** A line that is wrong. */
export interface PasswordFault {
  readonly line: number;
  readonly message: string;
}

/** The file's users, and every error of it. */
export interface Passwords {
  readonly users: ReadonlyMap<string, UserSecret>;
  readonly faults: readonly PasswordFault[];
}

/** About 100 000 users; they belong into a directory long before. */
const maxBytes = 16 * 1024 * 1024;
/** A FIFO at the path must not block the process. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Whether a name can be in the file. Letter case counts. */
export function isUserName(user: string): boolean {
  return user.length <= 255 && /^[^:\x00-\x1f\x7f]+$/.test(user) && user.trim() === user && !user.startsWith("#");
}

/** Reads the file's content, which is UTF-8. An error never contains a hash or a password. */
export function parsePasswords(bytes: Buffer): Passwords {
  const text = decode(bytes);
  if (typeof text !== "string") {
    return { users: new Map(), faults: [{ line: text.line, message: `column ${text.column}: ${text.message}` }] };
  }
  const users = new Map<string, UserSecret>();
  const faults: PasswordFault[] = [];
  for (const [i, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const line = raw.replace(/\r$/, "");
    if (line.trim() === "" || line.startsWith("#")) {
      continue;
    }
    const at = line.indexOf(":");
    const user = line.slice(0, Math.max(at, 0));
    const secret = parseSecret(line.slice(at + 1));
    const message = lineFault(at, user, secret, users);
    if (message !== undefined || typeof secret === "string") {
      faults.push({ line: i + 1, message: message ?? "" });
    } else {
      users.set(user, secret);
    }
  }
  return { users, faults };
}

function lineFault(
  at: number,
  user: string,
  secret: UserSecret | string,
  users: ReadonlyMap<string, unknown>,
): string | undefined {
  if (at < 0) {
    return "has no colon; allowed: user:hash or user:{PLAIN}password";
  }
  if (!isUserName(user)) {
    return "does not begin with a user name; allowed: at most 255 characters without blanks at its ends, colons or control characters";
  }
  if (users.has(user)) {
    return `names the user "${user}" again`;
  }
  return typeof secret === "string" ? `the entry of "${user}" ${secret}` : undefined;
}

/** One password file, kept up with. */
export class PasswordFile {
  readonly #path: string;
  readonly #complain: (why: string) => void;
  #identity = "";
  #complaint = "";
  #users: ReadonlyMap<string, UserSecret> = new Map();
  #dummy: ScryptHash | undefined;
  #loading: Promise<string | undefined> | undefined;

  /** @param complain is called once with each new error */
  constructor(path: string, complain: (why: string) => void) {
    this.#path = path;
    this.#complain = complain;
  }

  /** Whether every line holds the password itself. */
  get holdsClear(): boolean {
    return [...this.#users.values()].every((secret) => "plain" in secret);
  }

  /** Takes users that were read already, from {@link parsePasswords}. */
  take(users: ReadonlyMap<string, UserSecret>): void {
    this.#users = users;
    // An unknown user must take as long as the most expensive of the known ones; without hashes nobody takes long.
    const hashes = [...users.values()].flatMap((secret) => ("plain" in secret ? [] : [secret]));
    const [dearest] = hashes.sort((a, b) => b.r * b.p * 2 ** b.ln - a.r * a.p * 2 ** a.ln);
    this.#dummy = dearest === undefined ? undefined : dummyHash(dearest);
  }

  /** Whether the password is the user's. An unknown user takes as long as a wrong password. */
  async check({ user, password }: Login): Promise<BackEndAnswer> {
    const why = await this.#lookOnce();
    if (why !== undefined) {
      return { kind: "unavailable", why };
    }
    const known = this.#users.get(user);
    const right = await fits(password, known, this.#dummy);
    return { kind: known === undefined ? "unknown" : right ? "accepted" : "refused" };
  }

  /** The password itself. `refused` if only its hash is here: the file has changed since the start. */
  async clearOf(user: string): Promise<ClearAnswer> {
    const why = await this.#lookOnce();
    if (why !== undefined) {
      return { kind: "unavailable", why };
    }
    const known = this.#users.get(user);
    if (known === undefined) {
      return { kind: "unknown" };
    }
    return "plain" in known ? { kind: "clear", password: known.plain } : { kind: "refused" };
  }

  /** Logins that come at once share one look. */
  async #lookOnce(): Promise<string | undefined> {
    this.#loading ??= this.#look().finally(() => (this.#loading = undefined));
    return await this.#loading;
  }

  /** Reads the file if it is another one now. @returns why there is nothing to judge by */
  async #look(): Promise<string | undefined> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.#path, openFlags);
      const facts = await file.stat({ bigint: true });
      const identity = `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeNs}:${facts.ctimeNs}`;
      if (identity !== this.#identity) {
        if (!facts.isFile() || facts.size > maxBytes) {
          throw new RangeError(`not a plain file of at most ${maxBytes} bytes`);
        }
        this.#read(await file.readFile());
        this.#identity = identity;
      }
      return undefined;
    } catch (error) {
      // Who was struck off the list may be the reason why it is gone: nobody gets in without one.
      return `cannot read "${this.#path}": ${errorMessage(error)}`;
    } finally {
      await file?.close();
    }
  }

  #read(bytes: Buffer): void {
    const { users, faults } = parsePasswords(bytes);
    const complaint = faults.map(({ line, message }) => `${this.#path}:${line}: ${message}`).join("; ");
    if (faults.length === 0) {
      this.take(users);
    } else if (complaint !== this.#complaint) {
      this.#complain(`${complaint}; keeping the previous users`);
    }
    this.#complaint = complaint;
  }
}
