/**
 * A real Haraka with the lines of docs/lookups.md, which asks us by the plugin of config/clients. `sh src/node.sh
 * test/soak/haraka.ts` installs it into a temporary folder; exits 1 where it does not answer as the relay does.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Daemon } from "../fakes/daemon.ts";
import { freePort } from "../fakes/free-port.ts";
import { lists, plain, rich } from "../lookup/addresses.ts";
import { blockOf } from "../lookup/page.ts";
import { askOdd, askServer, compare, startAskedRelay } from "../lookup/servers.ts";

const haraka = "Haraka@3.3.4";
/** Its own grammar, and the domains that are not ours. */
const own = /> 501 |(?<!@(?:kontor\.example|kontor\.test|all\.example))> 550 I cannot deliver mail for /i;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Installs it, and makes its folder. @returns the program */
function install(folder: string, port: number, lookup: number): string {
  const run = (command: string, ...words: string[]): void =>
    void execFileSync(command, words, { cwd: folder, stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
  writeFileSync(join(folder, "package.json"), "{}");
  run("npm", "install", "--silent", "--no-audit", "--no-fund", "--omit=dev", "--omit=optional", haraka);
  const program = join(folder, "node_modules/Haraka/bin/haraka");
  run(process.execPath, program, "-i", join(folder, "site"));
  // What it has beside this looks senders up in DNS, or wants further packages.
  writeFileSync(join(folder, "site/config/plugins"), "rcpt_to.in_host_list\n");
  const lines = blockOf("I keep my Haraka", "goodmailto.ini", {
    "127.0.0.1:10043": `127.0.0.1:${lookup}`,
    "/opt/goodmailto": join(import.meta.dirname, "../.."),
  });
  // Debian's shell runs them where a reader would.
  execFileSync("sh", ["-ec", lines], { cwd: join(folder, "site") });
  writeFileSync(join(folder, "site/config/smtp.ini"), `listen=127.0.0.1:${port}\n`);
  return program;
}

const folder = mkdtempSync(join(tmpdir(), "goodmailto-haraka-"));
const asked = await startAskedRelay(["http"]);
let server: Daemon | undefined;
const wrong: string[] = [];
try {
  const port = await freePort();
  const program = install(folder, port, asked.portOf("http"));
  server = new Daemon(port, [process.execPath, program, "-c", join(folder, "site")]);
  await server.start();
  for (const [what, rows] of lists) {
    await asked.use(rows);
    const compared = await compare(asked.relay.port, port, { own });
    print(`a list ${what}: ${JSON.stringify(compared.classes)}, ${compared.wrong.length} wrong`);
    wrong.push(...compared.wrong);
  }
  await asked.use(plain);
  // It hangs up on a very long line.
  wrong.push(...(await askOdd(port)).filter((line) => !line.endsWith(": closed")));
  await asked.use(rich);
  const users = ["vera.yildiz", "nobody", "urlaub", "weg", "chef", "board"];
  const replies = await askServer(port, [...users.map((user) => `${user}@kontor.example`), "x@elsewhere.example"]);
  print(replies.join("\n"));
  await asked.relay.stop();
  const [last = ""] = await askServer(port, ["vera.yildiz@kontor.example"]);
  print(`while nobody answers: ${last}`);
  wrong.push(...(last.startsWith("450 4.3.0") ? [] : [last]));
} finally {
  await server?.kill();
  rmSync(folder, { recursive: true, force: true });
}
print(wrong.length === 0 ? "all is well" : `NOT WELL:\n${wrong.join("\n")}`);
process.exit(wrong.length === 0 ? 0 : 1);
