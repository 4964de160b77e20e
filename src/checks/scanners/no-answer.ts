/** What becomes of a message that could not be scanned. */
import * as field from "../../config/fields.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import type { Pass, Refusal } from "../../hooks/verdict.ts";
import type { NoAnswer } from "../../hooks/scanner.ts";
import { reply } from "../../mail/reply.ts";

/** `on_error` of every check that asks a scanner. */
export type OnError = "pass" | "defer" | "refuse";

/** The setting. @param sample the default of this check */
export function onErrorField(sample: OnError) {
  return field.choice(
    ["pass", "defer", "refuse"],
    sample,
    "What to do with a message if the scanner does not answer or cannot scan it. pass: accept it unscanned, with a warning in the log. defer: 451, so that the sender tries again. refuse: 554. Messages larger than max_size are always accepted unscanned.",
  );
}

/** @param text of the reply if it is not accepted */
export function withoutAnswer(
  { kind }: NoAnswer,
  onError: OnError,
  text: string,
): Pass<never> | Refusal<"unavailable", never> {
  if (kind === "skipped" || onError === "pass") {
    return pass;
  }
  const code = onError === "defer" ? reply(451, "4.3.0", text) : reply(554, "5.3.0", text);
  return refuse("unavailable", code);
}

/** The name of a virus or a file for a reply or a header field: printable, and at most 128 characters. */
export function shortName(name: string): string {
  return name
    .replaceAll(/[^\x20-\x7e]+/g, "?")
    .slice(0, 128)
    .trim();
}
