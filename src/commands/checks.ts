/** `goodmailto checks`: every check with its hooks, settings and docstring, or one with an example; and a file to begin a check of one's own with. */
import { join } from "node:path";

import { Command } from "commander";

import { errorMessage } from "../report/error-message.ts";
import { checks } from "../checks/all.ts";
import { exampleOf } from "../compose/check-examples.ts";
import { labelRule } from "../config/check-sections.ts";
import { fieldMeta } from "../config/fields.ts";
import { tomlValue } from "../config/toml-value.ts";
import type { CheckDefinition } from "../hooks/check.ts";
import { createFiles } from "../files/create.ts";
import { exit } from "../ops/exit.ts";

/** Builds the verb. */
export function checksCommand(): Command {
  const command = new Command("checks")
    .description("List the checks with their hooks and settings, or describe one with an example")
    .argument("[name]", 'the check to describe; "NAME:INSTANCE" for one of several')
    .action(list);
  command
    .command("new")
    .description("Write NAME.ts, a check of your own to begin with, and tsconfig.json for the editor, into this folder")
    .argument("<name>", "its name: a-z and 0-9, beginning with a letter")
    .addHelpText("after", "\nExit status: 0 written, 2 not a name, taken, or a file is there already")
    .action(begin);
  return command;
}

function list(label: string | undefined): void {
  if (label === undefined) {
    process.stdout.write(checks.map((check) => describeCheck(check)).join("\n"));
    return;
  }
  const [name = "", ...rest] = label.split(":");
  const instance = rest.length === 0 ? undefined : rest.join(":");
  const check = checks.find((one) => one.name === name);
  const why = check === undefined ? `there is no check "${name}"` : instanceFault(check, instance);
  if (check === undefined || why !== undefined) {
    process.stderr.write(`goodmailto: ${why}; "goodmailto checks" lists them\n`);
    process.exitCode = exit.usage;
    return;
  }
  process.stdout.write(describeCheck(check, instance) + printExample(name, instance));
}

function instanceFault({ name, section }: CheckDefinition, instance: string | undefined): string | undefined {
  if (instance === undefined) {
    return undefined;
  }
  if (section !== undefined) {
    return `the check "${name}" has one section, [${section}], and no instances`;
  }
  return labelRule.fits(instance) ? undefined : `"${instance}" is not ${labelRule.allowed}`;
}

function describeCheck(check: CheckDefinition, instance?: string): string {
  const { name, section = `checks.${name}` } = check;
  const header = instance === undefined ? `[${section}]` : `[[${section}]] with name = "${instance}"`;
  const settings = Object.entries(check.settings).flatMap(([key, type]) => {
    const meta = fieldMeta(type);
    return meta === undefined ? [] : [`    ${key} = ${tomlValue(meta.sample)}\n        ${meta.doc}`];
  });
  const unless = check.unless ?? [];
  return [
    instance === undefined ? name : `${name}:${instance}`,
    `  ${check.doc}`,
    `  hooks: ${check.hooks.join(", ")}${check.stage === "note" ? " (before all other checks)" : ""}`,
    `  refuses for: ${Object.values(check.reasons).join(", ") || "nothing"}`,
    `  exempt by default: ${unless.join(", ") || "nobody"}`,
    `  failure: ${check.failure}`,
    `  original: ${check.original}`,
    `  settings: ${header}`,
    ...settings,
    "",
  ].join("\n");
}

/** Settings, list files and a conversation, as they would be written. */
function printExample(name: string, instance: string | undefined): string {
  const { toml, files = {}, dialogue = [] } = exampleOf(name);
  const lists = Object.entries(files).map(([file, lines]) => `# control/${file}\n${lines}`);
  const parts = [
    instance === undefined ? toml : withInstance(toml, name, instance),
    ...lists,
    ...(dialogue.length === 0 ? [] : [dialogue.join("\n")]),
  ];
  const lines = parts.join("\n\n").split("\n");
  return `  example:\n${lines.map((line) => (line === "" ? "\n" : `    ${line}\n`)).join("")}`;
}

/** The same settings as those of an instance. */
function withInstance(toml: string, name: string, instance: string): string {
  const section = `[[checks.${name}]]\nname = "${instance}"`;
  const renamed = toml.replaceAll(`"${name}"`, `"${name}:${instance}"`).replace(`[checks.${name}]`, section);
  return renamed.includes(section) ? renamed : `${renamed}\n\n${section}`;
}

/** Files are made, never replaced. */
function begin(name: string): void {
  const fail = (why: string): void => {
    process.stderr.write(`goodmailto: ${why}\n`);
    process.exitCode = exit.usage;
  };
  if (!/^[a-z][a-z0-9]{0,31}$/.test(name)) {
    fail(`"${name}" is not a name for a check: a-z and 0-9, beginning with a letter, at most 32 characters`);
    return;
  }
  if (checks.some((check) => check.name === name)) {
    fail(`"${name}" is the name of a built-in check`);
    return;
  }
  try {
    createFiles([{ path: `${name}.ts`, text: outline(name), mode: 0o644 }]);
  } catch (error) {
    fail(errorMessage(error));
    return;
  }
  writeIfMissing("tsconfig.json", editorSettings());
  process.stdout.write(
    `wrote ${name}.ts\nIn the configuration, with the path from its folder:\n\n[checks]\nload = ["checks/${name}.ts"]\nrun = ["${name}", …]\n`,
  );
}

function writeIfMissing(path: string, text: string): void {
  try {
    createFiles([{ path, text, mode: 0o644 }]);
  } catch {
    // One that is there may contain more than this.
  }
}

/** What an editor needs to know the types of "goodmailto/check". */
function editorSettings(): string {
  const contract = join(import.meta.dirname, "../hooks/contract.ts");
  const compilerOptions = {
    target: "esnext",
    module: "nodenext",
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    paths: { "goodmailto/check": [contract] },
  };
  return `${JSON.stringify({ compilerOptions }, undefined, 2)}\n`;
}

function outline(name: string): string {
  return `/** ${name}: refuses clients that greet with one of these names. */
import { defineCheck, field, foldAscii, pass, refuse, reply } from "goodmailto/check";

const refused = refuse("listed", reply(550, "5.7.1", "Local policy refuses this name"));

export const ${name} = defineCheck({
  name: "${name}",
  doc: "Refuses clients that greet with one of these names.",
  stage: "policy",
  hooks: ["helo"],
  settings: { names: field.list([], "Names that are refused.") },
  reasons: { listed: "name in HELO is listed" },
  unless: ["relay client", "authenticated"],
  create({ names }) {
    const listed = new Set(names.map(foldAscii));
    return { helo: ({ variables }) => (listed.has(foldAscii(variables.get("SMTPHELOHOST") ?? "")) ? refused : pass) };
  },
});
`;
}
