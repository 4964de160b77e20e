/** Runs verbs as people and schedules do, on a site of its own with a list and a journal, to see what such runs need. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { withoutMessage } from "../src/report/event.ts";
import type { MailEvent } from "../src/report/event.ts";
import { finishPart, openPart, PartWriter } from "../src/trace/part-file.ts";
import { currentPart } from "../src/trace/parts.ts";

const address = "postmaster@example.com";
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

/**
 * Runs them, each in a process.
 * @param folder of the bundle
 * @param last code for the end of each, in which `quick` is quick.cjs
 * @returns what it comes to in each, by verb
 */
export function runUsually(folder: string, verbs: readonly string[], last: string): Map<string, string[]> {
  const site = mkdtempSync(join(tmpdir(), "goodmailto-usual-"));
  try {
    writeSite(site);
    const order = Object.keys(words).filter((verb) => verbs.includes(verb));
    return new Map(order.map((verb) => [verb, runOne(folder, site, verb, last)]));
  } finally {
    rmSync(site, { recursive: true });
  }
}

function runOne(folder: string, site: string, verb: string, last: string): string[] {
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
  const { status, stderr } = spawnSync(process.execPath, given, { encoding: "utf8", timeout: 60_000 });
  if (status !== 0) {
    throw new Error(`the bundle's ${verb} ends with ${String(status)}: ${stderr}`);
  }
  return JSON.parse(readFileSync(result, "utf8")) as string[];
}

function writeSite(site: string): void {
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
[trace]
folder = ${JSON.stringify(journal)}
`,
  );
  const at = Date.now();
  const part = openPart(currentPart(journal, { keep: day, maxSize: 1e9 }, at), () => undefined);
  new PartWriter(part).write([{ ...refusal, at }]);
  finishPart(part);
}
