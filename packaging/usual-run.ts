/** Runs verbs as people and schedules do, on a site of its own with a list, a directory and a journal, to see what such runs need. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startDirectory } from "../src/demo/directory.ts";
import type { DirectoryEntry } from "../src/demo/entries.ts";
import { withoutMessage } from "../src/report/event.ts";
import type { MailEvent } from "../src/report/event.ts";
import { finishPart, openPart, PartWriter } from "../src/trace/part-file.ts";
import { currentPart } from "../src/trace/parts.ts";

const address = "postmaster@example.com";
const base = "o=Example";
const day = 86_400_000;

const session = "0123456789abcdef";
const refusal: Omit<MailEvent, "at"> = {
  kind: "refused",
  stage: "rcpt",
  session,
  ref: `${session}-1`,
  listener: "smtp",
  ip: "192.0.2.1",
  host: "",
  helo: "client.example",
  tls: undefined,
  user: undefined,
  sender: "",
  recipients: [address],
  asked: undefined,
  code: 550,
  reply: "550 5.1.1 No such user here",
  by: "goodmailto",
  reason: "unknown",
  ...withoutMessage,
  ms: 1,
};

/** How each is called; sync makes the list that the others read. */
const words: Readonly<Record<string, readonly string[]>> = {
  sync: [],
  check: [address],
  status: [],
  trace: [address],
};

/** Time limit for a run, in ms. */
const deadline = 60_000;

/**
 * Runs them, each in a process.
 * @param folder of the bundle
 * @param last code for the end of each, in which `quick` is quick.cjs
 * @returns what it comes to in each, by verb
 */
export async function runUsually(
  folder: string,
  verbs: readonly string[],
  last: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const site = mkdtempSync(join(tmpdir(), "goodmailto-usual-"));
  const directory = await startDirectory(people());
  try {
    writeSite(site, directory.url);
    const found = new Map<string, readonly string[]>();
    for (const verb of Object.keys(words).filter((one) => verbs.includes(one))) {
      found.set(verb, await runOne(folder, site, verb, last));
    }
    return found;
  } finally {
    await directory.close();
    rmSync(site, { recursive: true });
  }
}

async function runOne(folder: string, site: string, verb: string, last: string): Promise<readonly string[]> {
  const result = join(site, "result");
  // A file, as commander reads the words behind -e in another way.
  const main = join(site, "main.cjs");
  writeFileSync(
    main,
    `const quick = require(${JSON.stringify(join(folder, "quick.cjs"))});
process.on("exit", () => {
  const found = JSON.stringify(${last});
  require("node:fs").writeFileSync(${JSON.stringify(result)}, found);
});
quick.start(${JSON.stringify(verb)});
`,
  );
  const given = [main, verb, "-c", join(site, "goodmailto.toml"), ...(words[verb] ?? [])];
  // Not spawnSync: the directory is in this process.
  const child = spawn(process.execPath, given, { stdio: ["ignore", "ignore", "pipe"], timeout: deadline });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [status] = await once(child, "close");
  if (status !== 0) {
    throw new Error(`the bundle's ${verb} ends with ${String(status)}: ${said}`);
  }
  return JSON.parse(readFileSync(result, "utf8")) as string[];
}

/** More than a page of people and groups, with what ordinary entries have. */
function people(): DirectoryEntry[] {
  const entry = (
    uid: string,
    classes: readonly string[],
    more: Readonly<Record<string, readonly string[]>>,
  ): DirectoryEntry => ({
    dn: `uid=${uid},${base}`,
    attributes: { objectClass: ["top", ...classes], uid: [uid], cn: [uid], ...more },
  });
  const person = ["person", "organizationalPerson", "inetOrgPerson"];
  const several = Array.from({ length: 20000 }, (_, i) =>
    entry(`user${i}`, person, { mail: [`user${i}@example.com`] }),
  );
  return [
    { dn: base, attributes: { objectClass: ["top", "organization"], o: ["Example"] } },
    ...several,
    entry("jürgen", person, {
      mail: ["juergen@example.com", "j@example.net"],
      mailAlternateAddress: ["J@Example.com"],
    }),
    entry("staff", ["groupOfNames"], { mail: ["staff@example.com"], member: [`uid=user1,${base}`] }),
  ];
}

/** @param directory URL */
function writeSite(site: string, directory: string): void {
  const journal = join(site, "journal");
  mkdirSync(journal);
  writeFileSync(join(site, "users"), `${address}\n`);
  writeFileSync(
    join(site, "goodmailto.toml"),
    `[smtp]
hostname = "mx.example.com"
status_folder = "."
[domains]
relay = ["example.com"]
[snapshot]
path = "recipients.sqlite"
[[route]]
domain = "example.com"
next_hop = "smtp://192.0.2.25"
[[source]]
name = "users"
type = "list"
url = "users"
[[source]]
name = "directory"
type = "ldap"
preset = "openldap"
url = "${directory}"
base = "${base}"
[trace]
folder = ${JSON.stringify(journal)}
`,
  );
  const at = Date.now();
  const part = openPart(currentPart(journal, { keep: day, maxSize: 1e9 }, at), () => undefined);
  new PartWriter(part).write([{ ...refusal, at }]);
  finishPart(part);
}
