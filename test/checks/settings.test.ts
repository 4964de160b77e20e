/** Guards over the registry: what every check must have, so that nobody can forget it. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { fieldMeta } from "../../src/config/fields.ts";
import { elementOf, shapeOf } from "../../src/config/shape.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf } from "../hooks/steps.ts";
import { findChecks } from "../print/registry.ts";

const root = join(import.meta.dirname, "../..");
const files = new Map(findChecks().map(({ family, name }) => [name, family]));
const tests = globSync("test/**/*.test.ts", { cwd: root }).map((path) => readFileSync(join(root, path), "utf8"));

describe.each(checks)("the check $name", (check) => {
  it("has its name for its file, and a test file beside the family's others", () => {
    const family = files.get(check.name) ?? "";
    expect(family).not.toBe("");
    const names = [`test/checks/${family}/${check.name}.test.ts`, `test/dialogs/checks/${check.name}.dialog`];
    const isTested = names.some((name) => existsSync(join(root, name)));
    expect([check.name, isTested || tests.some((text) => text.includes(`/${check.name}.ts"`))]).toEqual([
      check.name,
      true,
    ]);
  });

  it("has defaults for its settings, each with its docstring, and a sentence of its own", () => {
    expect(check.doc).toMatch(/^[A-Z].*\.$/);
    const described = Object.entries(check.settings).flatMap(([key, type]) => {
      // A section below, as [[checks.NAME.key]], has its own settings.
      const below = fieldMeta(type) === undefined ? shapeOf(elementOf(type) ?? type) : undefined;
      return Object.entries(below ?? { [key]: type }).map(
        ([one, inner]) => [one, fieldMeta(inner)?.doc ?? ""] as const,
      );
    });
    expect(described.filter(([, doc]) => doc === "")).toEqual([]);
    expect(() => settingsOf(check)).not.toThrow();
  });

  it("says which program it follows and what happens in a failure, there alone", () => {
    const sentence = /^[A-Za-z].*\.$/;
    expect([check.original, check.failure]).toEqual([expect.stringMatching(sentence), expect.stringMatching(sentence)]);
    const docs = [check.doc, ...Object.values(check.settings).map((type) => fieldMeta(type)?.doc ?? "")];
    const elsewhere = /empty or missing|missing or empty|choice of goodmailto's own/i;
    expect(docs.filter((doc) => elsewhere.test(doc))).toEqual([]);
  });

  it("has functions for exactly its hooks", () => {
    const run = check.create(settingsOf(check), servicesFor());
    const words = Object.keys(run).filter((name) => !["needs", "wants", "introduce"].includes(name));
    // A check that holds only at some of its settings has both.
    const functions = [...new Set(words.map((name) => (name === "tap" ? "message" : name)))];
    expect(functions.toSorted()).toEqual([...check.hooks].toSorted());
  });

  it("says that it remembers where it asks for the state, and only there", () => {
    let isAsked = false;
    const services = servicesFor();
    const watched = {
      ...services,
      get state() {
        isAsked = true;
        return services.state;
      },
    };
    check.create(settingsOf(check), watched);
    expect([check.name, check.remembers ?? false]).toEqual([check.name, isAsked]);
  });

  it("has a file field where it has a setting `file`", () => {
    const named = Object.entries(check.settings).filter(([key]) => key === "file");
    expect(named.filter(([, type]) => fieldMeta(type)?.file === undefined).map(([key]) => key)).toEqual([]);
  });
});
