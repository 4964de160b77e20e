/** Every verb has an example in its help text, and commander takes each of them. */
import type { Command } from "commander";
import { describe, expect, it } from "vitest";

import { examplesOf } from "../../src/examples.ts";
import { createProgram } from "../../src/verbs.ts";

/** The verbs that do something: of `config`, its own verbs. */
function verbsOf(command: Command, path: string): string[] {
  const inner = command.commands.flatMap((one) => verbsOf(one, `${path} ${one.name()}`.trim()));
  const group = command.commands.length > 0 && examplesOf(path).length === 0;
  return path === "" || group ? inner : [path, ...inner];
}

const paths = verbsOf(await createProgram(""), "");

/** What commander takes the words for; it runs nothing. */
async function readWords(words: readonly string[]): Promise<string[]> {
  const program = await createProgram(words[0] ?? "");
  const called: string[] = [];
  const listen = (command: Command, path: string): void => {
    command.action(() => void called.push(path));
    command.configureOutput({ writeErr: () => undefined });
    command.commands.forEach((inner) => listen(inner, `${path} ${inner.name()}`.trim()));
  };
  program.commands.forEach((command) => listen(command, command.name()));
  await program.parseAsync([...words], { from: "user" });
  return called;
}

describe("examples", () => {
  it("knows all verbs", () => {
    expect(paths).toEqual(expect.arrayContaining(["serve", "check", "config get", "tls self-signed", "checks new"]));
  });

  it.each(paths)("%s has examples that can be called, and shows them", async (path) => {
    const examples = examplesOf(path);
    expect(examples).not.toEqual([]);
    for (const [words] of examples) {
      await expect(readWords(words.split(" ")), words).resolves.toEqual([path]);
    }
    let text = "";
    const program = await createProgram(path.split(" ")[0] ?? "");
    const command = path
      .split(" ")
      .reduce<Command | undefined>((inner, name) => inner?.commands.find((one) => one.name() === name), program);
    command?.configureOutput({ writeOut: (more) => (text += more) }).outputHelp();
    expect(text).toContain(`\n  goodmailto ${examples[0]?.[0]}\n`);
  });
});
