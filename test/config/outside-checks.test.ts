/** `[checks] load`: what is wrong with a file is said in its line; SIGHUP takes changed files, and keeps the old settings if one is bad. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { fingerprintOf } from "../../src/compose/fingerprint.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-outside-"));
afterAll(() => rmSync(folder, { recursive: true }));

const config = join(folder, "c.toml");
const check = (name: string, more = ""): string => `import { defineCheck, pass } from "goodmailto/check";
export const own = defineCheck({
  name: "${name}",
  doc: "For a test.",
  stage: "policy",
  hooks: ["helo"],
  settings: {},
  reasons: {},
  create: () => ({ helo: () => pass }),
  ${more}
});
`;

/** What is said of a configuration that loads this file. */
function faultsOf(name: string, text?: string): string[] {
  if (text !== undefined) {
    writeFileSync(join(folder, name), text);
  }
  const loaded = checkConfig(`\n[checks]\nload = ["${name}"]\n`, config, schemaFor, []);
  return loaded.kind === "ok" ? [] : loaded.faults.map(formatFault);
}

describe("[checks] load", () => {
  it.each([
    [
      "syntax.ts",
      `${check("syntax")}\nexport const broken: number = ;\n`,
      /cannot be loaded: line 13: Expression expected/,
    ],
    ["syntax.mjs", "export const a = 1;\n\nexport const b = ;\n", /cannot be loaded: line 3: Unexpected token ';'/],
    ["enum.ts", "\nexport enum Kind { one }\n", /cannot be loaded: line 2: TypeScript enum is not supported/],
    ["throws.ts", '\n\nthrow new TypeError("no such thing");\n', /cannot be loaded: line 3: no such thing/],
    ["import.ts", 'import x from "no-such-package";\nexport const y = x;\n', /cannot be loaded: .*no-such-package/],
    [
      "await.ts",
      "export const a = await Promise.resolve(1);\n",
      /cannot be loaded: it must not await at its top level/,
    ],
    ["none.ts", "export const check = 5;\n", /must export one check, made by defineCheck/],
    ["two.ts", `${check("one")}export const other = { ...own, name: "other" };\n`, /must export one check/],
    ["taken.ts", check("loop"), /its check "loop" has the name of a built-in one/],
    ["run.ts", check("run"), /its name "run" must be a word/],
    ["Upper.ts", check("Bad-Name"), /its name "Bad-Name" must be a word/],
    ["hook.ts", check("hook", 'hooks: ["hello"],'), /must have hooks, some of connection, helo/],
    ["stage.ts", check("stage", 'stage: "first",'), /must have a stage, one of note, sender, policy, recipient, last/],
    ["section.ts", check("section", 'section: "smtp",'), /must not have a section of its own/],
    ["setting.ts", check("setting", "settings: { x: 5 },"), /its setting "x" must be made by a function of field/],
    ["check.txt", check("text"), /needs a file that ends in \.ts, \.mts, \.js or \.mjs/],
    ["missing.ts", undefined, /there is no file .*missing\.ts/],
  ])("says what is wrong with %s", (name, text, words) => {
    const faults = faultsOf(name, text);
    expect(faults).toEqual([expect.stringMatching(words)]);
    expect(faults[0]).toMatch(/c\.toml:3:\d+: checks\.load/);
    expect(faults[0]).not.toMatch(/version=|\n/);
  });

  it("says so where two files have one name", () => {
    writeFileSync(join(folder, "a.ts"), check("same"));
    writeFileSync(join(folder, "b.ts"), check("same"));
    const loaded = checkConfig('[checks]\nload = ["a.ts", "b.ts"]\n', config, schemaFor, []);
    expect(loaded.kind === "faults" && loaded.faults.map(formatFault)).toEqual([
      expect.stringContaining('its check "same" has the name of another one that is loaded'),
    ]);
  });

  it("takes files of every kind, also where they import each other", () => {
    writeFileSync(join(folder, "word.ts"), 'export const word: string = "helped";\n');
    expect(faultsOf("plain.js", check("plain"))).toEqual([]);
    expect(faultsOf("module.mjs", check("module"))).toEqual([]);
    const helped = check("helped").replace("{\n  name", '{\n  ...(word === "helped" ? {} : {}),\n  name');
    expect(faultsOf("helped.ts", `import { word } from "./word.ts";\n${helped}`)).toEqual([]);
  });

  const refusing = (text: string): string => `import { defineCheck, refuse, reply } from "goodmailto/check";
import { word } from "./text.ts";
export const own = defineCheck({
  name: "own",
  doc: "For a test.",
  stage: "policy",
  hooks: ["helo"],
  settings: {},
  reasons: { no: "no" },
  create: () => ({ helo: () => refuse("no", reply(550, "5.7.1", \`${text} \${word}\`)) }),
});
`;

  it("at a reload takes changed files and their imports, and keeps what is there if one is bad", async () => {
    const text = '[checks]\nload = ["own.ts"]\nrun = ["own"]\n';
    const files = { "own.ts": refusing("first"), "text.ts": 'export const word = "one";\n' };
    const relay = await startTestRelay({ config: text, files });
    const helo = async (): Promise<string> => {
      const client = await SmtpClient.open(relay.port);
      await client.reply();
      client.write("HELO client.test\r\n");
      const line = await client.line();
      client.close();
      return line ?? "";
    };
    const write = (name: string, content: string): void => writeFileSync(join(relay.folder, name), content);
    try {
      expect(await helo()).toBe("550 5.7.1 first one");
      write("own.ts", refusing("second"));
      relay.reload(text);
      expect(await helo()).toBe("550 5.7.1 second one");
      write("text.ts", 'export const word = "twofold";\n');
      relay.reload(text);
      expect(await helo()).toBe("550 5.7.1 second twofold");
      write("own.ts", "export const = ;\n");
      expect(() => relay.reload(text)).toThrow(/cannot be loaded: line 1/);
      expect(await helo()).toBe("550 5.7.1 second twofold");
      rmSync(join(relay.folder, "own.ts"));
      expect(() => relay.reload(text)).toThrow(/there is no file/);
      expect(await helo()).toBe("550 5.7.1 second twofold");
    } finally {
      await relay.stop();
    }
  });

  it("belongs to what a relay has loaded", () => {
    const path = join(folder, "print.ts");
    writeFileSync(path, check("print"));
    const loaded = checkConfig('[checks]\nload = ["print.ts"]\n', config, schemaFor, []);
    const before = loaded.kind === "ok" ? fingerprintOf(loaded.settings) : "";
    writeFileSync(path, `${check("print")}\n`);
    expect(loaded.kind === "ok" && fingerprintOf(loaded.settings)).not.toBe(before);
  });
});
