/** Manual pages in the macros of man(7). */

/** Text that no line of which is taken for a macro. */
export function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&");
}

/** One line of a macro with words of the page in it. */
export function macro(name: string, ...words: readonly string[]): string {
  return `.${name} ${words.map((word) => `"${roff(word).replaceAll('"', "\\(dq")}"`).join(" ")}`;
}

/** What a page consists of. */
export interface Section {
  readonly title: string;
  /** Lines of roff. */
  readonly lines: readonly string[];
}

/** @param date of the release, YYYY-MM-DD */
export function manualPage(
  name: string,
  section: number,
  date: string,
  version: string,
  sections: readonly Section[],
): string {
  const names = [name.toUpperCase(), String(section)];
  // The date is read by programs, and has no dashes that are text.
  const head = `${macro("TH", ...names)} ${date} ${macro("", `goodmailto ${version}`, "goodmailto").slice(2)}`;
  const body = sections
    .filter(({ lines }) => lines.length > 0)
    .flatMap(({ title, lines }) => [macro("SH", title), ...lines]);
  return `${[head, ...body].join("\n")}\n`;
}

/** A term and what is said of it. */
export function term(words: string, ...said: readonly string[]): string[] {
  return [".TP", macro("B", words), ...said.map(roff)];
}

/** Lines as they are. */
export function verbatim(lines: readonly string[]): string[] {
  return [".nf", ...lines.map(roff), ".fi"];
}
