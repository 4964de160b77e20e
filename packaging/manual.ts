/** The manual pages: one for each verb, one for the program, one for its file; from the declarations of both. */
import type { Command } from "commander";

import { sampleConfig } from "../src/config/sample.ts";
import { sectionDocs } from "../src/compose/section-docs.ts";
import { schema } from "../src/compose/settings.ts";
import { examplesOf } from "../src/examples.ts";
import { version } from "../src/ops/version.ts";
import { createProgram } from "../src/verbs.ts";
import { macro, manualPage, roff, term, verbatim } from "./roff.ts";
import type { Section } from "./roff.ts";

/** One page, named as man(1) finds it. */
export interface Page {
  /** goodmailto-check.8 */
  readonly file: string;
  readonly text: string;
}

const files: readonly (readonly [string, string])[] = [
  ["/etc/goodmailto/goodmailto.toml", "The configuration, goodmailto.toml(5)."],
  ["/var/lib/goodmailto/snapshot.sqlite", "The list of recipients, written by `goodmailto sync`."],
  ["/var/lib/goodmailto-relay", "What the relay remembers between sessions."],
];

const codes: readonly (readonly [string, string])[] = [
  ["0", "Success. check: all recipients are accepted. status: the snapshot is fresh."],
  ["1", "check, explain: a recipient is refused. status: the snapshot is old. trace: nothing is found."],
  ["2", "Usage error. status: there is no snapshot, or none that can be used."],
  ["3", "status: its user may not read the files."],
  ["65", "A guard refused the new list; the previous one stays in use."],
  ["69", "Not available: there is no snapshot or no journal, or a port is taken."],
  ["70", "An internal error."],
  ["75", "Try again later: the directory did not answer."],
  ["78", "Errors in the configuration; each is named with file, line and column."],
];

/** All of them. @param date of the release, YYYY-MM-DD */
export async function manualPages(date: string): Promise<readonly Page[]> {
  const program = await createProgram("");
  const verbs = program.commands.filter((command) => command.name() !== "help");
  const page = (name: string, section: number, sections: readonly Section[]): Page => ({
    file: `${name}.${section}`,
    text: manualPage(name, section, date, version, sections),
  });
  return [
    page("goodmailto", 8, overview(program, verbs)),
    ...verbs.map((verb) => page(`goodmailto-${verb.name()}`, 8, verbPage(verb))),
    page("goodmailto.toml", 5, configPage()),
  ];
}

function overview(program: Command, verbs: readonly Command[]): Section[] {
  return [
    { title: "NAME", lines: [roff(`goodmailto - ${program.description().toLowerCase()}`)] },
    { title: "SYNOPSIS", lines: [macro("B", "goodmailto VERB [options]")] },
    {
      title: "DESCRIPTION",
      lines: [
        roff(
          "A relay in front of a mail server that refuses unknown recipients with 550 and passes on everything else. It looks recipients up in a snapshot, which `goodmailto sync` makes of LDAP directories and other sources. While there is no snapshot it accepts mail for its own domains.",
        ),
      ],
    },
    { title: "VERBS", lines: verbs.flatMap((verb) => term(`goodmailto-${verb.name()}(8)`, verb.description())) },
    { title: "FILES", lines: files.flatMap(([file, what]) => term(file, what)) },
    { title: "EXIT STATUS", lines: codes.flatMap(([code, what]) => term(code, what)) },
    { title: "SEE ALSO", lines: [roff("goodmailto.toml(5), /usr/share/doc/goodmailto")] },
  ];
}

function verbPage(verb: Command): Section[] {
  const name = `goodmailto-${verb.name()}`;
  const first = verb.description();
  const inner = verb.commands.filter((command) => command.name() !== "help");
  return [
    { title: "NAME", lines: [roff(`${name} - ${first.charAt(0).toLowerCase()}${first.slice(1)}`)] },
    { title: "SYNOPSIS", lines: synopsis(verb, inner) },
    { title: "DESCRIPTION", lines: [roff(`${first}.`), ...argumentLines(verb), ...notes(verb).said] },
    { title: "OPTIONS", lines: optionLines(verb) },
    { title: "VERBS", lines: inner.flatMap(innerLines) },
    { title: "EXIT STATUS", lines: notes(verb).ends },
    {
      title: "EXAMPLES",
      lines: [verb.name(), ...inner.map((one) => `${verb.name()} ${one.name()}`)]
        .flatMap(exampleLines)
        // A section begins with a paragraph of its own.
        .slice(1),
    },
    { title: "SEE ALSO", lines: [roff("goodmailto(8), goodmailto.toml(5)")] },
  ];
}

function synopsis(verb: Command, inner: readonly Command[]): string[] {
  const calls = inner.length === 0 ? [verb] : inner;
  const before = inner.length === 0 ? "goodmailto " : `goodmailto ${verb.name()} `;
  return calls.flatMap((call, i) => [
    ...(i === 0 ? [] : [".br"]),
    macro("B", `${before}${call.name()} ${call.usage()}`),
  ]);
}

function innerLines(command: Command): string[] {
  const { said, ends } = notes(command);
  return [
    macro("SS", command.name()),
    roff(`${command.description()}.`),
    ...argumentLines(command),
    ...optionLines(command),
    ...said,
    ...(ends.length === 0 ? [] : [".PP", "Exit status:", ...ends]),
  ];
}

function argumentLines(command: Command): string[] {
  return command.registeredArguments.flatMap((argument) => term(argument.name(), argument.description));
}

function optionLines(command: Command): string[] {
  return command.options.flatMap((option) => {
    const choices = option.argChoices === undefined ? "" : ` One of: ${option.argChoices.join(", ")}.`;
    const standard =
      option.defaultValue === undefined || option.defaultValue === ""
        ? ""
        : ` Default: ${JSON.stringify(option.defaultValue)}.`;
    return term(option.flags, `${option.description}.${choices}${standard}`);
  });
}

/** What its help text says below the options, other than the examples, and with which codes it ends. */
function notes(command: Command): { readonly said: string[]; readonly ends: string[] } {
  let text = "";
  command.configureOutput({ writeOut: (more) => (text += more) }).outputHelp();
  const after = text.slice(command.helpInformation().length).split("\nExamples:\n")[0]?.trim() ?? "";
  // A line that begins with spaces goes on with the one before.
  const [said = "", ends = ""] = after.replaceAll(/\n +/g, " ").split("Exit status: ");
  return {
    said: said === "" ? [] : [".PP", ...said.trimEnd().split("\n").map(roff)],
    ends: ends === "" ? [] : ends.split(/, (?=\d{1,3} )/).flatMap((end) => term(...codeAndWords(end))),
  };
}

/** "69 no relay runs" */
function codeAndWords(text: string): [code: string, words: string] {
  const [, code = "", words = ""] = /^(\d+) ([\s\S]*)$/.exec(text) ?? ["", "", text];
  return [code, `${words.charAt(0).toUpperCase()}${words.slice(1)}.`];
}

function exampleLines(path: string): string[] {
  return examplesOf(path).flatMap(([words, what]) => [
    ".PP",
    roff(`${what}:`),
    ...verbatim([`    goodmailto ${words}`]),
  ]);
}

/** The sample, section by section: what is a comment there is text here. */
function configPage(): Section[] {
  const sample = sampleConfig(schema, sectionDocs).trimEnd().split("\n\n");
  const [, ...parts] = sample;
  return [
    { title: "NAME", lines: [roff("goodmailto.toml - configuration of goodmailto")] },
    {
      title: "DESCRIPTION",
      lines: [
        roff(
          "A TOML file. It needs only what differs from the defaults, which are listed below. Durations are written 500ms, 90s, 10m, 1h30m, 7d; sizes 64KiB, 25MB. Relative paths are taken from the folder of the file. Sections in double brackets may occur several times. `goodmailto config check` names every error with line and column, and `goodmailto config print` shows what is in effect.",
        ),
      ],
    },
    ...parts.map(configSection),
    { title: "SEE ALSO", lines: [roff("goodmailto(8), goodmailto-config(8)")] },
  ];
}

/** One section of the sample. */
function configSection(text: string): Section {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.startsWith("#["));
  const said = (from: readonly string[]): string => from.map((line) => line.slice(3)).join(" ");
  const out = at > 0 ? [roff(said(lines.slice(0, at)))] : [];
  let doc: string[] = [];
  for (const line of lines.slice(at + 1)) {
    if (line.startsWith("## ")) {
      doc.push(line);
    } else {
      out.push(...term(line.slice(1), ...(doc.length === 0 ? [] : [said(doc)])));
      doc = [];
    }
  }
  return { title: (lines[at] ?? "").slice(1), lines: out };
}
