#!/usr/bin/env node
// Finds Node 24 and runs src/main.ts with it. Plain JavaScript: Node 18 must be able to read it.
import { reloads } from "./hold-hangups.js";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const self = realpathSync(fileURLToPath(import.meta.url));
const here = dirname(self);
const main = join(here, "main.ts");
// Not node_modules/.bin/node, which is missing after `npm ci` with npm before 11.7; src/node.sh tells why.
const own = join(here, "..", "node_modules", `node-linux-${process.arch}`, "bin", "node");

function needNode() {
  process.stderr.write(`goodmailto: needs Node 24 or newer, this is ${process.version}; run "npm ci" beside it\n`);
  process.exitCode = 69;
}

/** Whether a process would live through SIGHUP: the mask of caught signals in /proc, whose lowest bit is SIGHUP. */
function catchesHangups(pid) {
  try {
    const [, mask] = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return mask === undefined || (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
  } catch {
    return true;
  }
}

/** A relay that only just starts gets it a little later: Node itself takes a moment before any of our code runs. */
function hangUp(child) {
  if (!reloads || catchesHangups(child.pid)) {
    child.kill("SIGHUP");
  } else {
    setTimeout(() => hangUp(child), 20);
  }
}

if (Number(process.versions.node.split(".")[0]) >= 24) {
  process.argv[1] = main;
  await import(main);
} else if (existsSync(own)) {
  // A checkpassword program reads descriptor 3, and "inherit" alone is 0 to 2.
  const more = process.argv[2] === "checkpassword" ? [3] : [];
  const child = spawn(own, [self, ...process.argv.slice(2)], { stdio: ["inherit", "inherit", "inherit", ...more] });
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => child.kill(signal));
  }
  process.on("SIGHUP", () => hangUp(child));
  child.on("error", needNode);
  child.on("exit", (code) => process.exit(code ?? 70));
} else {
  needNode();
}
