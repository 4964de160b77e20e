/**
 * Every command that the pages, the units and the relay's own messages name exists: the verb, its second word and its
 * options.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const verbs = new Map<string, Command>();
for (const file of readdirSync(join(root, "src/commands"))) {
  const name = file.replace(".ts", "");
  const built = (await import(join(root, "src/commands", file))) as Record<string, () => Command>;
  const command = built[`${name}Command`]?.();
  if (command !== undefined) {
    verbs.set(name, command);
  }
}

/** What of a line of words is not a command of ours, or no option of it. */
function wrongIn([first = "", ...words]: readonly string[]): string[] {
  let command = verbs.get(first);
  if (command === undefined) {
    return [`no verb "${first}"`];
  }
  const wrong: string[] = [];
  let path = first;
  for (const word of words) {
    const [option = ""] = /^-{1,2}[a-z][a-z-]*/.exec(word) ?? [];
    const inner: Command | undefined = command.commands.find((each) => each.name() === word);
    if (inner !== undefined) {
      command = inner;
      path += ` ${word}`;
    } else if (option !== "" && !["-h", "--help"].includes(option)) {
      const known = command.options.some(({ long, short }) => long === option || short === option);
      wrong.push(...(known ? [] : [`${path} has no ${option}`]));
    } else if (command.commands.length > 0 && option === "" && /^[a-z][a-z-]*$/.test(word)) {
      wrong.push(`${path} has no "${word}"`);
    }
  }
  return wrong;
}

/** A text as words of a command line: up to a comment, a pipe or the next command. */
function wordsOf(text: string): string[] {
  const [line = ""] = text.split(/ #|[|;&)>…]|\s{2,}#/);
  return line
    .trim()
    .replaceAll(/[[\]"']/g, "")
    .split(/\s+/);
}

/**
 * Commands in prose are between backticks, and begin with `goodmailto` or with the verb; in blocks with `goodmailto`.
 */
function commandsOf(page: string): string[][] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```.*?^```$/gms)].map(([block]) => block);
  const prose = text.replaceAll(/^```.*?^```$/gms, "");
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  const named = [...blocks.flatMap((block) => block.split("\n")), ...spans].flatMap((line) =>
    [...line.matchAll(/(^|[\s/(])(?:goodmailto|goodmailto\.js|main\.ts) +([a-z]+)\b(.*)/g)].flatMap(
      // Within a line, the name may be that of a user or a group.
      ([, before, verb = "", rest = ""]) => (before === "" || verbs.has(verb) ? [verb + rest] : []),
    ),
  );
  const bare = spans.filter((span) => verbs.has(span.split(" ", 1)[0] ?? "") && / -{1,2}[a-z]/.test(span));
  const demo = [...text.matchAll(/npm start -- (--[a-z].*)/g)].map(([, rest = ""]) => `demo ${rest.split("`", 1)[0]}`);
  return [...named, ...bare, ...demo].map(wordsOf);
}

const pages = ["README.md", "CHANGELOG.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)];
const units = readdirSync(join(root, "systemd")).map((name) => `systemd/${name}`);

describe("the commands that are named", () => {
  it.each(pages)("exist: %s", (page) => {
    expect(commandsOf(page).flatMap(wrongIn)).toEqual([]);
  });

  it("are found at all", () => {
    const all = [...pages, ...units].flatMap(commandsOf);
    expect(all.length).toBeGreaterThan(100);
    expect([...verbs.keys()].filter((verb) => all.every(([first]) => first !== verb))).toEqual([]);
  });

  it("exist in the units", () => {
    const started = units.flatMap((unit) =>
      [...readFileSync(join(root, unit), "utf8").matchAll(/goodmailto\.js (.*)/g)].map(([, rest = ""]) =>
        wordsOf(rest),
      ),
    );
    expect(started.length).toBeGreaterThan(4);
    expect(started.flatMap(wrongIn)).toEqual([]);
  });

  it("exist in messages, help texts and settings", () => {
    const files = ["src", "sync"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
    );
    const named = files
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) =>
        [...readFileSync(join(root, file), "utf8").matchAll(/\bgoodmailto ([a-z]+ (?:[a-z]+ )?-.*)/g)].map(
          ([, rest = ""]) => wordsOf(rest.split(/[`\\]/, 1)[0] ?? ""),
        ),
      );
    expect(named.length).toBeGreaterThan(5);
    expect(named.flatMap(wrongIn)).toEqual([]);
  });

  it("would be missed if they did not", () => {
    expect(wrongIn(["sync", "--dry-rum"])).toEqual(["sync has no --dry-rum"]);
    expect(wrongIn(["observe", "raport"])).toEqual(['observe has no "raport"']);
    expect(wrongIn(["proof"])).toEqual(['no verb "proof"']);
    expect(wrongIn(["tls", "self-signed", "--nam", "x"])).toEqual(["tls self-signed has no --nam"]);
  });
});
