/** Filters of a query, and of a path in a PATCH: `userName eq "a"`, `emails[type eq "work"]`. RFC 7644 3.4.2.2. */
import { ScimFault } from "./fault.ts";
import { attributePath } from "./path.ts";

const operators = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] as const;
/** How two values are compared. */
export type Operator = (typeof operators)[number];

/** A filter, read. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly all: readonly Filter[] }
  | { readonly kind: "not"; readonly one: Filter }
  | {
      readonly kind: "compare";
      readonly path: readonly string[];
      readonly operator: Operator;
      readonly value: string | number | boolean | null;
    }
  | { readonly kind: "present"; readonly path: readonly string[] }
  /** One of the values of a multi-valued attribute passes. */
  | { readonly kind: "within"; readonly path: readonly string[]; readonly each: Filter };

/** Characters of a filter. */
const maxLength = 4000;
/** Parentheses and brackets within each other. */
const maxDepth = 20;
const token = /\s*(?:("(?:[^"\\]|\\.)*")|([()[\]])|(\.(?=[A-Za-z$]))|([^\s()[\]"]+))/y;

/** Reads it. @throws ScimFault "invalidFilter" */
export function parseFilter(text: string): Filter {
  const reader = new Reader(text);
  const filter = reader.either(maxDepth);
  reader.end();
  return filter;
}

/** `emails[type eq "work"].value`: the attribute, which of its values, and what of them. @throws ScimFault "invalidPath" */
export interface ValuePath {
  readonly path: readonly string[];
  readonly filter: Filter | undefined;
  /** "" is the value as a whole. */
  readonly sub: string;
}

/** Reads the path of an operation. @throws ScimFault "invalidPath" */
export function parseValuePath(text: string): ValuePath {
  const open = text.indexOf("[");
  if (open < 0) {
    if (/[\s"()\]]/.test(text) || text === "") {
      throw new ScimFault(400, `"${text.slice(0, 100)}" is not a path`, "invalidPath");
    }
    return { path: attributePath(text), filter: undefined, sub: "" };
  }
  const close = text.lastIndexOf("]");
  const [, sub = ""] = /^\.?([\w$-]*)$/.exec(text.slice(close + 1)) ?? [];
  if (close < open || (sub === "" && close !== text.length - 1)) {
    throw new ScimFault(400, `"${text.slice(0, 100)}" is not a path`, "invalidPath");
  }
  try {
    return { path: attributePath(text.slice(0, open).trim()), filter: parseFilter(text.slice(open + 1, close)), sub };
  } catch (error) {
    throw error instanceof ScimFault ? new ScimFault(400, error.message, "invalidPath") : error;
  }
}

class Reader {
  readonly #words: readonly string[];
  #at = 0;

  constructor(text: string) {
    if (text.length > maxLength) {
      throw invalid(`a filter may have ${maxLength} characters`);
    }
    const words: string[] = [];
    token.lastIndex = 0;
    for (let at = 0; at < text.trimEnd().length; at = token.lastIndex) {
      token.lastIndex = at;
      const match = token.exec(text);
      if (match === null) {
        throw invalid(`cannot read "${text.slice(at, at + 50)}"`);
      }
      words.push(match.slice(1).find((one) => one !== undefined) ?? "");
    }
    this.#words = words;
  }

  end(): void {
    if (this.#at < this.#words.length) {
      throw invalid(`"${this.#peek().slice(0, 50)}" is too much`);
    }
  }

  either(depth: number): Filter {
    return this.#joined("or", () => this.#joined("and", () => this.#one(depth)));
  }

  #joined(word: "and" | "or", next: () => Filter): Filter {
    const all = [next()];
    while (this.#peek().toLowerCase() === word) {
      this.#at += 1;
      all.push(next());
    }
    const [only] = all;
    return all.length === 1 && only !== undefined ? only : { kind: word, all };
  }

  #one(depth: number): Filter {
    if (depth === 0) {
      throw invalid(`a filter may be nested ${maxDepth} deep`);
    }
    const word = this.#take();
    if (word === "(") {
      return this.#until(")", depth);
    }
    if (word.toLowerCase() === "not" && this.#peek() === "(") {
      this.#at += 1;
      return { kind: "not", one: this.#until(")", depth) };
    }
    if (!/^[A-Za-z$]/.test(word)) {
      throw invalid(`"${word.slice(0, 50)}" is not an attribute`);
    }
    return this.#about(attributePath(word), depth);
  }

  #until(end: ")" | "]", depth: number): Filter {
    const inner = this.either(depth - 1);
    if (this.#take() !== end) {
      throw invalid(`"${end}" is missing`);
    }
    return inner;
  }

  #about(path: readonly string[], depth: number): Filter {
    const word = this.#take().toLowerCase();
    if (word === "pr") {
      return { kind: "present", path };
    }
    if (word === "[") {
      const each = this.#until("]", depth);
      if (!this.#peek().startsWith(".")) {
        return { kind: "within", path, each };
      }
      // Entra ID compares `emails[type eq "work"].value` so.
      const [, sub = ""] = /^\.([\w$-]*)$/.exec(this.#take()) ?? [];
      const more = this.#about([sub === "" ? this.#take() : sub], depth);
      return { kind: "within", path, each: { kind: "and", all: [each, more] } };
    }
    const operator = operators.find((one) => one === word);
    if (operator === undefined) {
      throw invalid(`"${word.slice(0, 50)}" is not an operator`);
    }
    return { kind: "compare", path, operator, value: this.#value() };
  }

  #value(): string | number | boolean | null {
    const word = this.#take();
    try {
      const value: unknown = JSON.parse(/^(?:true|false|null)$/i.test(word) ? word.toLowerCase() : word);
      if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
        return value;
      }
    } catch {
      // Said below.
    }
    throw invalid(`"${word.slice(0, 50)}" is not a value: write texts in quotes`);
  }

  #peek(): string {
    return this.#words[this.#at] ?? "";
  }

  #take(): string {
    const word = this.#words[this.#at];
    if (word === undefined) {
      throw invalid("the filter ends too early");
    }
    this.#at += 1;
    return word;
  }
}

function invalid(message: string): ScimFault {
  return new ScimFault(400, `filter: ${message}`, "invalidFilter");
}
