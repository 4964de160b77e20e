/** `[checks]`: instances, the list, what `config print` shows of them, and warnings about points that nobody reads. */
import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { effectiveConfig } from "../../src/config/effective.ts";
import { formatFault } from "../../src/config/toml.ts";
import { settingWarnings } from "../../src/config/warnings.ts";

const load = (text: string) => checkConfig(text, "c.toml", schemaFor, []);
const faultsOf = (text: string): string[] => {
  const loaded = load(text);
  return loaded.kind === "ok" ? [] : loaded.faults.map(formatFault);
};
const good = (text: string) => {
  const loaded = load(text);
  if (loaded.kind === "faults") {
    throw new Error(loaded.faults.map(formatFault).join("\n"));
  }
  return loaded;
};

const two = '[[checks.loop]]\nname = "strict"\nmax = 20\nmode = "observe"\n[[checks.loop]]\nname = "lax"\n';

describe("instances", () => {
  it("are printed with their names, each with its own values, as a file that says the same", () => {
    const loaded = good(`checks.run = ["loop:strict", "loop:lax"]\n${two}`);
    const printed = effectiveConfig(loaded.schema, loaded.settings, loaded.given);
    expect(printed).toContain('[[checks.loop]]\nname = "strict"\nmode = "observe"\n');
    expect(printed).toContain('[[checks.loop]]\nname = "lax"\nmode = "enforce" # default\n');
    expect(good(printed).settings).toEqual(loaded.settings);
  });

  it.each([
    [
      'checks.run = ["loop"]',
      two,
      /^c\.toml:1:\d+: checks\.run.*"loop" is not there; allowed: "loop:strict", "loop:lax"/,
    ],
    ['checks.run = ["loop:other"]', two, /"loop:other" is not there; allowed: "loop:strict", "loop:lax"/],
    ['checks.run = ["loop:x"]', "", /"loop:x" has no section; write \[\[checks\.loop\]\] with name = "x"/],
    ['checks.run = ["spp:x"]', "", /"spp:x" is not there: "spp" has one section; write "spp"/],
    ['checks.run = ["goodmailto:x"]', "", /"goodmailto" has one section; write "goodmailto"/],
    [
      'checks.run = ["loop:strict"]',
      `${two}[[checks.loop]]\nname = "strict"\n`,
      /^c\.toml:9:\d+: .*"strict" is taken by another \[\[checks\.loop\]\]/,
    ],
    ['checks.run = ["loop", "loop"]', "", /must not hold a name twice/],
  ])("%s is an error that says what to write", (run, sections, words) => {
    expect(faultsOf(`${run}\n${sections}`)).toEqual([expect.stringMatching(words)]);
  });

  it("must be in the list where it has the default", () => {
    expect(faultsOf(two)).toEqual([expect.stringContaining('"loop" is not there; allowed: "loop:strict"')]);
  });
});

describe("points", () => {
  const warningsOf = (text: string): string[] => settingWarnings(good(text).settings).map(({ message }) => message);

  it("get a warning where the check score does not read them", () => {
    const scored = '[checks.loop]\nmode = "score"\n';
    expect(warningsOf(`checks.run = ["loop"]\n${scored}`)).toContainEqual(
      expect.stringContaining('the points of "loop" may refuse nothing: the check score is not in the list'),
    );
    expect(warningsOf(`checks.run = ["score", "loop"]\n${scored}`)).toContainEqual(
      expect.stringContaining("the check score is in front of it"),
    );
    expect(warningsOf(`checks.run = ["goodmailto"]\n[recipients]\nmode = "score"\n`)).toContainEqual(
      expect.stringContaining('the points of "goodmailto"'),
    );
    const instance = '[[checks.loop]]\nname = "a"\nmode = "score"\n';
    expect(warningsOf(`checks.run = ["loop:a"]\n${instance}`).join()).toContain('the points of "loop:a"');
    expect(warningsOf(`checks.run = ["loop:a", "score"]\n${instance}`).join()).not.toContain("points");
  });
});
