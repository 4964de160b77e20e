/** What every written configuration needs beside what was imported. */
import type { Draft } from "./draft.ts";

/** The file. @param command what wrote it */
export function finish(draft: Draft, command: string): string {
  draft.remark("smtp", 'Where to listen, in place of 127.0.0.1:2525: listen = ["*:25"]');
  if (!draft.has("domains")) {
    draft.remark("domains", 'The domains whose mail is taken: relay = ["example.org"]');
  }
  if (!draft.runs("goodmailto")) {
    draft.remark(
      "checks",
      'Add "goodmailto" as the last one as soon as there is a [[source]] and sync has run: it refuses',
    );
    draft.remark("checks", "recipients that the directory does not have.");
  }
  if (!draft.has("route")) {
    draft.add("route", { domain: "*", next_hop: "smtp://127.0.0.1:25" }, "The mail server behind; change it.");
  }
  return draft.print([
    `Written by: ${command}`,
    "List files are read where they are. Read all of this, then: goodmailto config check --config FILE",
    "What became of each line and file:",
  ]);
}
