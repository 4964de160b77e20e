/** `goodmailto import`: a configuration of qpsmtpd or qmail as goodmailto.toml. */
import { Command } from "commander";

import { errorMessage } from "../report/error-message.ts";
import { registry } from "../checks/registry.ts";
import { schema } from "../compose/settings.ts";
import { replaceFile } from "../files/replace.ts";
import { Draft } from "../import/draft.ts";
import { NothingThere, openFolder, qmailFolder, qpsmtpdFolder } from "../import/folder.ts";
import { finish } from "../import/finish.ts";
import { readKnown } from "../import/known.ts";
import { importQmail } from "../import/qmail.ts";
import { importQpsmtpd } from "../import/qpsmtpd.ts";
import { exit } from "../ops/exit.ts";

interface Options {
  readonly qpsmtpd?: string;
  readonly qmail?: string;
  readonly output?: string;
}

/** Builds the verb. */
export function importCommand(): Command {
  return new Command("import")
    .description("Write a configuration from that of qpsmtpd or qmail")
    .option("--qpsmtpd <dir>", "folder with config/plugins, or a flat one such as Debian's /etc/qpsmtpd")
    .option("--qmail <dir>", "control folder; with --qpsmtpd: where files are that the other folder does not have")
    .option("-o, --output <file>", "replace this file atomically (default: standard output)")
    .addHelpText("after", "\nExit status: 0 written, 2 no configuration that can be read, 69 cannot write the file")
    .action(run);
}

function run({ qpsmtpd, qmail, output }: Options): void {
  try {
    deliver(write(qpsmtpd, qmail), output);
  } catch (error) {
    if (!(error instanceof NothingThere)) {
      throw error;
    }
    process.stderr.write(`goodmailto: ${error.message}\n`);
    process.exitCode = exit.usage;
  }
}

function deliver(text: string, output: string | undefined): void {
  if (output === undefined) {
    process.stdout.write(text);
    return;
  }
  try {
    replaceFile(output, text);
  } catch (error) {
    process.stderr.write(`goodmailto: cannot write "${output}": ${errorMessage(error)}\n`);
    process.exitCode = exit.unavailable;
  }
}

/** The new configuration; what could not be read is on standard error. @throws NothingThere */
function write(qpsmtpd: string | undefined, qmail: string | undefined): string {
  if (qpsmtpd === undefined && qmail === undefined) {
    throw new NothingThere("say what to import: --qpsmtpd DIR, --qmail DIR, or both");
  }
  const known = readKnown(
    schema,
    registry.map(({ name }) => name),
  );
  const plugins = qpsmtpd === undefined ? undefined : qpsmtpdFolder(qpsmtpd);
  const control = qmail === undefined ? undefined : qmailFolder(qmail);
  const old = openFolder([plugins?.folder, control].filter((folder) => folder !== undefined));
  const draft = new Draft();
  if (plugins === undefined) {
    importQmail(draft, old, known);
  } else {
    importQpsmtpd(draft, old, known, plugins.isFlat);
  }
  process.stderr.write(old.faults.map((fault) => `warning: ${fault}\n`).join(""));
  const words = [qpsmtpd === undefined ? [] : ["--qpsmtpd", qpsmtpd], qmail === undefined ? [] : ["--qmail", qmail]];
  const text = finish(draft, `goodmailto import ${words.flat().join(" ")}`);
  const count = (kind: string): number => draft.became.filter((one) => one.kind === kind).length;
  process.stderr.write(
    `${draft.became.length} lines and files: ${count("check")} checks, ${count("setting")} settings, ${count("other means")} other means, ${count("nothing")} nothing\n`,
  );
  return text;
}
