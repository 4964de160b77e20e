import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { describe, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { runDialogue } from "./dialogue.ts";

describe("dialogues", () => {
  for (const file of globSync(join(import.meta.dirname, "**/*.dialog")).toSorted()) {
    const text = readFileSync(file, "utf8");
    const lacksClamd = /^=== clamd$/m.test(text) && missing("clamd");
    it.skipIf(lacksClamd)(`${basename(file, ".dialog")}: ${text.split("\n")[0]}`, async () => {
      await runDialogue(text, file);
    });
  }
});
