import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { describe, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { runDialogue } from "./dialogue.ts";

describe("dialogues", () => {
  for (const file of globSync(join(import.meta.dirname, "**/*.dialog")).toSorted()) {
    const text = readFileSync(file, "utf8");
    const lacks =
      ["clamd", "spamd", "rspamd"].some((name) => new RegExp(`^=== ${name}$`, "m").test(text) && missing(name)) ||
      (text.includes("\n=== milter\n") && missing("python3", "Milter"));
    it.skipIf(lacks)(`${basename(file, ".dialog")}: ${text.split("\n")[0]}`, async () => {
      await runDialogue(text, file);
    });
  }
});
