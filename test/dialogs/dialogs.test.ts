import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { describe, it } from "vitest";

import type { StageBuilder } from "../auth/backends/stage.ts";
import { missing } from "../fakes/need.ts";
import { isRoot } from "../fakes/postfix.ts";
import { runDialogue } from "./dialogue.ts";

/** Blocks that need a program. */
const needed = ["clamd", "spamd", "rspamd", "slapd"];

const dialogues = globSync(join(import.meta.dirname, "**/*.dialog"))
  .toSorted()
  .map((file) => ({ file, text: readFileSync(file, "utf8") }));
/** The clocks are those of the whole process. */
const [byClock, others] = [true, false].map((isByClock) =>
  dialogues.filter(({ text }) => /^CLOCK /m.test(text) === isByClock),
);

const stages = new Map<string, StageBuilder>();
for (const [, name = ""] of dialogues.flatMap(({ text }) => [...text.matchAll(/^=== backend (.+)$/gm)])) {
  const { stage } = (await import(`../auth/backends/stages/${name}.ts`)) as { stage: StageBuilder };
  stages.set(name, stage);
}

function backEndIsMissing(text: string): boolean {
  const name = /^=== backend (.+)$/m.exec(text)?.[1];
  return name !== undefined && stages.get(name)?.isMissing() === true;
}

function test({ file, text }: (typeof dialogues)[number]): void {
  const lacks =
    needed.some((name) => new RegExp(`^=== ${name}\\b`, "m").test(text) && missing(name)) ||
    (text.includes("\n=== milter\n") && missing("python3", "Milter")) ||
    (text.includes("\n=== web\n") && missing("nginx")) ||
    (text.includes("\n=== rsyslog\n") && missing("rsyslogd")) ||
    (text.includes("\n=== postfix\n") && (!isRoot() || missing("postfix"))) ||
    (text.includes("\n=== dovecot\n") && (!isRoot() || missing("dovecot"))) ||
    backEndIsMissing(text);
  it.skipIf(lacks)(`${basename(file, ".dialog")}: ${text.split("\n")[0]}`, async () => {
    await runDialogue(text, file);
  });
}

describe.concurrent("dialogues", () => {
  others?.forEach(test);
});

describe("dialogues by a clock that goes forward", () => {
  byClock?.forEach(test);
});
