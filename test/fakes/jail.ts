/**
 * A folder that a server takes for the whole machine (chroot). Debian lets one mail server be installed at a time, and
 * their paths and users are compiled in: the others are unpacked by `.ci/run`, and each test runs its own copy. Needs root.
 */
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";
import { missing } from "./need.ts";
import { isRoot } from "./postfix.ts";

const run = promisify(execFile);

/** Where `.ci/run` unpacks mail servers. */
export const unpacked = "/opt/goodmailto-test";
/** With the name of the machine's kind in it. */
const libraries = globSync(join(unpacked, "usr/lib/*-linux-gnu")).join(":");

/** The user of a server in its jail, whatever its name. */
const serverUser = 7777;

/** Whether a test must do without a server that `.ci/run` unpacks. @param program without the first slash */
export function notUnpacked(program: string): boolean {
  return (!existsSync(join(unpacked, program)) && missing(join(unpacked, program))) || !isRoot();
}

/** What a server finds there. */
export interface JailOptions {
  /** Paths without the first slash, the server's own first; each comes with its libraries, from where it was unpacked or from the system. */
  readonly programs: readonly string[];
  /** Folders of the system that come along, without the first slash. */
  readonly trees?: readonly string[];
  /** Names that are compiled in; the first has the number {@link serverUser}, the next one more. */
  readonly users: readonly string[];
  /** Folders that belong to the first user. */
  readonly folders: readonly string[];
  /** Paths without the first slash → text; a script can be run. */
  readonly files: Readonly<Record<string, string>>;
  /** A program that is run there by root before the server starts, in the group of one of the users. */
  readonly first?: { readonly program: string; readonly words: readonly string[]; readonly group: string };
}

interface Jail {
  readonly folder: string;
  /** The command that runs a program inside. */
  command(program: string, ...words: string[]): readonly [string, ...string[]];
  remove(): Promise<void>;
}

/** Makes one. */
async function openJail({ programs, trees = [], users, folders, files }: JailOptions): Promise<Jail> {
  const folder = await mkdtemp(join(tmpdir(), "gmto-jail-"));
  await chmod(folder, 0o755);
  await mkdir(join(folder, "tmp"));
  await chmod(join(folder, "tmp"), 0o1777);
  await Promise.all(programs.map((program) => copyProgram(program, folder)));
  await Promise.all(trees.map((tree) => cp(join("/", tree), join(folder, tree), { recursive: true })));
  for (const name of folders) {
    await mkdir(join(folder, name), { recursive: true });
    await chown(join(folder, name), serverUser, serverUser);
  }
  await mkdir(join(folder, "dev"));
  await run("mknod", ["-m", "666", join(folder, "dev/null"), "c", "1", "3"]);
  await run("mknod", ["-m", "666", join(folder, "dev/urandom"), "c", "1", "9"]);
  for (const [name, text] of Object.entries({ ...accounts(users), ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
  }
  return {
    folder,
    command: (program, ...words) => ["chroot", folder, `/${program}`, ...words],
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  };
}

/** A server in a jail, which goes with it. */
export class Jailed extends Daemon {
  readonly #jail: Jail;

  private constructor(port: number, jail: Jail, command: readonly string[]) {
    super(port, command);
    this.#jail = jail;
  }

  /** What it takes for `/`. */
  get folder(): string {
    return this.#jail.folder;
  }

  /**
   * Starts one in the foreground.
   * @param optionsOf what it finds, by the port of loopback that it must listen on
   * @throws Error with its own words if it does not start
   */
  static async start(optionsOf: (port: number) => JailOptions, ...words: string[]): Promise<Jailed> {
    for (let tries = 1; ; tries += 1) {
      const port = await freePort();
      const options = optionsOf(port);
      const [program = ""] = options.programs;
      const jail = await openJail(options);
      const server = new Jailed(port, jail, jail.command(program, ...words));
      try {
        await runFirst(jail, options);
        await server.start();
        return server;
      } catch (error) {
        await server.close();
        // Somebody else may have taken the port in between.
        if (tries === 3) {
          throw error;
        }
      }
    }
  }

  async close(): Promise<void> {
    await this.kill();
    await this.#jail.remove();
  }
}

async function runFirst({ folder }: Jail, { first, users }: JailOptions): Promise<void> {
  if (first !== undefined) {
    const group = serverUser + users.indexOf(first.group);
    const words = [`--userspec=0:${group}`, folder, `/${first.program}`, ...first.words];
    await run("chroot", words, { timeout: 60_000 });
  }
}

function accounts(users: readonly string[]): Record<string, string> {
  const rows = [["root", 0] as const, ...users.map((name, i) => [name, serverUser + i] as const)];
  return {
    "etc/passwd": rows.map(([name, id]) => `${name}:x:${id}:${id}::/:/bin/false\n`).join(""),
    "etc/group": rows.map(([name, id]) => `${name}:x:${id}:\n`).join(""),
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/services": "smtp 25/tcp\n",
    // Nobody is asked.
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
  };
}

async function copyProgram(program: string, folder: string): Promise<void> {
  const own = join(unpacked, program);
  const from = existsSync(own) ? own : `/${program}`;
  const { stdout } = await run("ldd", [from], { env: { ...process.env, LD_LIBRARY_PATH: libraries } });
  const needed = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  await Promise.all(
    [from, ...needed].map(async (path) => {
      const target = join(folder, path.replace(unpacked, ""));
      await mkdir(dirname(target), { recursive: true });
      await copyFile(path, target);
    }),
  );
}
