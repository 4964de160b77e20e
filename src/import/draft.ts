/** The configuration that is being written: sections with their settings, each with its origin. */
import { tomlValue } from "../config/toml-value.ts";

/** What became of a line or a file. */
export interface Became {
  /** As it was: `plugins:33: check_relay`. */
  readonly from: string;
  readonly kind: "check" | "setting" | "other means" | "nothing";
  /** What it is now, or why it is nothing. */
  readonly how: string;
}

/** In this order they are printed; others follow. */
const order = ["smtp", "domains", "clients", "control", "limits", "recipients", "spp", "tls", "auth", "log", "checks"];

interface Section {
  /** `[smtp]` or `[[route]]`. */
  readonly header: string;
  readonly lines: string[];
  readonly keys: Set<string>;
}

/** A configuration that is being written. */
export class Draft {
  readonly became: Became[] = [];
  readonly #sections = new Map<string, Section>();
  readonly #run: { readonly label: string; readonly comment: string }[] = [];

  /** Notes what became of a line. */
  account(became: Became): void {
    this.became.push(became);
  }

  /** Sets a value; the first one of a key counts. @returns whether it was set */
  set(name: string, key: string, value: unknown, comment?: string): boolean {
    return this.#setIn(this.#section(name, `[${name}]`), key, value, comment);
  }

  /** A line of its own in a section, as a comment. */
  remark(name: string, text: string): void {
    this.#section(name, `[${name}]`).lines.push(commentOf(text));
  }

  /** Adds a section that may be there several times. */
  add(name: string, values: Readonly<Record<string, unknown>>, comment: string): void {
    const section = this.#section(`${name} ${this.#sections.size}`, `[[${name}]]`);
    section.lines.push(commentOf(comment));
    for (const [key, value] of Object.entries(values)) {
      this.#setIn(section, key, value);
    }
  }

  /** Whether there is a section, once or several times. */
  has(name: string): boolean {
    return [...this.#sections.keys()].some((key) => key === name || key.startsWith(`${name} `));
  }

  /** Adds a check to `[checks] run`. */
  run(label: string, comment: string): void {
    this.#run.push({ label, comment });
  }

  /** Whether `[checks] run` names it, or an instance of it. */
  runs(check: string): boolean {
    return this.#run.some(({ label }) => label === check || label.startsWith(`${check}:`));
  }

  #section(key: string, header: string): Section {
    const found = this.#sections.get(key) ?? { header, lines: [], keys: new Set<string>() };
    this.#sections.set(key, found);
    return found;
  }

  #setIn(section: Section, key: string, value: unknown, comment?: string): boolean {
    if (section.keys.has(key)) {
      return false;
    }
    section.keys.add(key);
    section.lines.push(...(comment === undefined ? [] : [commentOf(comment)]), `${key} = ${tomlValue(value)}`);
    return true;
  }

  /** As TOML. @param title the first lines, as comments */
  print(title: readonly string[]): string {
    const account = this.became.flatMap(({ from, kind, how }) => [commentOf(from), commentOf(`    ${kind}: ${how}`)]);
    this.#section("checks", "[checks]");
    const place = (key: string): number => (order.includes(key) ? order.indexOf(key) : order.length);
    const sections = [...this.#sections]
      .toSorted(([a], [b]) => place(a) - place(b))
      .map(([key, { header, lines }]) => [header, ...(key === "checks" ? this.#runLines() : []), ...lines].join("\n"));
    return `${[[...title.map(commentOf), "#", ...account].join("\n"), ...sections].join("\n\n")}\n`;
  }

  #runLines(): string[] {
    const lines = this.#run.flatMap(({ label, comment }) => [`  ${commentOf(comment)}`, `  ${JSON.stringify(label)},`]);
    return ["run = [", ...lines, "]"];
  }
}

/** A line of text as a comment: TOML allows no control characters there. */
function commentOf(text: string): string {
  return `# ${text.replaceAll(/[\x00-\x08\x0a-\x1f\x7f]/g, "?")}`.trimEnd();
}
