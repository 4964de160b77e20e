/** The manual pages and completions of the packages, read by man's own checker and by the three shells. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { completions } from "../../packaging/completions/completions.ts";
import { manualPages } from "../../packaging/manual.ts";
import { macro, roff } from "../../packaging/roff.ts";
import { verbNames } from "../../src/verbs.ts";
import { missing } from "../fakes/need.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-words-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pages = await manualPages("2026-01-31");
const shells = await completions();

/** What a program prints; its exit code must be 0. */
function said(program: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", timeout: 20_000 });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

function written(path: string): string {
  const file = join(folder, basename(path));
  writeFileSync(file, shells.find((shell) => shell.path === path)?.text ?? "");
  return file;
}

describe("manual pages", () => {
  it("are there for the program, its file and every verb", () => {
    const files = verbNames.map((name) => `goodmailto-${name}.8`);
    expect(pages.map(({ file }) => file)).toEqual(["goodmailto.8", ...files, "goodmailto.toml.5"]);
  });

  it("are in the order of the settings' sample, with what each is for", () => {
    const text = pages.at(-1)?.text ?? "";
    expect(text).toContain('.SH "[smtp]"');
    expect(text).toMatch(/\.B "max_recipients = 100"\nMaximum number of accepted recipients/);
  });

  it("have a section for options, and one for the codes that a verb ends with", () => {
    const text = pages.find(({ file }) => file === "goodmailto-trace.8")?.text ?? "";
    expect(text).toMatch(/\.SH "OPTIONS"\n\.TP\n\.B "\\-c, /);
    expect(text).toMatch(
      /\.SH "EXIT STATUS"\n\.TP\n\.B "0"\nFound\.\n[^]*\.B "69"\nThere is no journal, or a part of it cannot be read\.\n\.TP\n\.B "2"\n/,
    );
  });

  it("take no word of theirs for a macro", () => {
    expect(roff(".so /etc/passwd\n'x\\fB a-b")).toBe("\\&.so /etc/passwd\n\\&'x\\efB a\\-b");
    expect(macro("B", 'say "x"')).toBe('.B "say \\(dqx\\(dq"');
  });

  it.skipIf(missing("mandoc"))("have no fault that mandoc knows of", () => {
    for (const { file, text } of pages) {
      const path = join(folder, file);
      writeFileSync(path, text);
      expect(spawnSync("mandoc", ["-T", "lint", "-W", "warning", path], { encoding: "utf8" }).stdout).toBe("");
    }
    expect(said("mandoc", "-T", "ascii", join(folder, "goodmailto-config.8"))).toContain("goodmailto config print");
  });
});

describe("completion", () => {
  it("offers verbs, their verbs, options and choices in bash", () => {
    const script = `. ${written("bash-completion/completions/goodmailto")}
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _goodmailto; echo "\${COMPREPLY[*]}"; }
try goodmailto sta
try goodmailto config pr
try goodmailto export --format po
try goodmailto config print --c
try goodmailto check -c ${folder}/goodm`;
    expect(said("bash", "-c", script).split("\n")).toEqual([
      "status",
      "print",
      "postfix postfix-transport",
      "--config --changed",
      expect.stringContaining(`${folder}/goodmailto`),
      "",
    ]);
  });

  it.skipIf(missing("fish"))("offers them in fish", () => {
    const file = written("fish/vendor_completions.d/goodmailto.fish");
    const complete = (line: string): string =>
      said("fish", "--no-config", "-c", `source ${file}; complete -C "${line}"`);
    expect(complete("goodmailto sta")).toMatch(/^status\t/);
    expect(complete("goodmailto config pr")).toMatch(/^print\t/);
    expect(complete("goodmailto export --format po")).toMatch(/^postfix\t.*\npostfix-transport\t/);
    expect(complete("goodmailto config print --ch")).toMatch(/^--changed\t/);
  });

  it.skipIf(missing("zsh"))("hands them to zsh's own functions", () => {
    const file = written("zsh/vendor-completions/_goodmailto");
    const script = `_describe() { print -rl -- describe $verbs }; _arguments() { print -rl -- "$@" }
try() { words=("$@"); CURRENT=$#; . ${file} }`;
    const complete = (...words: readonly string[]): string[] =>
      said("zsh", "-f", "-c", `${script}; try ${words.map((word) => `'${word}'`).join(" ")}`).split("\n");
    expect(complete("goodmailto", "st")).toContainEqual(expect.stringMatching(/^status:Show the age/));
    expect(complete("goodmailto", "config", "")).toContainEqual(expect.stringMatching(/^\*:verb:\(check print/));
    expect(complete("goodmailto", "export", "--format", "")).toContainEqual(
      expect.stringMatching(/^\*--format\[.*\]:value:\(goodmailto goodrcptto postfix /),
    );
    expect(complete("goodmailto", "config", "print", "-")).toContainEqual(expect.stringMatching(/^\*--changed\[/));
  });
});
