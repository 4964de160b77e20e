/** TOML text to values that remember where they stood: every fault can name line and column. */
import { getStaticTOMLValue, parseTOML, ParseError } from "toml-eslint-parser";
import type { AST } from "toml-eslint-parser";

/** A place in the file, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with the configuration. */
export interface Fault extends Position {
  readonly file: string;
  /** Dotted, as `source.0.page_size`; "" for the file as a whole. */
  readonly key: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

/** A file that is TOML. */
export interface TomlFile {
  readonly value: Readonly<Record<string, unknown>>;
  /** Where a key stands, or the nearest key above it. */
  position(path: readonly PropertyKey[]): Position;
}

/** Prints a fault as compilers do. */
export function formatFault(fault: Fault): string {
  const key = fault.key === "" ? "" : `${fault.key}: `;
  return `${fault.file}:${fault.line}:${fault.column}: ${key}${fault.message}`;
}

/** Reads TOML 1.0; a byte order mark and CRLF are tolerated. */
export function readToml(text: string, file: string): TomlFile | Fault {
  try {
    const program = parseTOML(text.replace(/^\uFEFF/, ""));
    const places = new Map<string, Position>();
    for (const node of program.body[0].body) {
      recordPlaces(node, places);
    }
    return {
      value: getStaticTOMLValue(program),
      position: (path) => nearest(places, path),
    };
  } catch (error) {
    if (error instanceof ParseError) {
      return { file, line: error.lineNumber, column: error.column + 1, key: "", message: error.message };
    }
    throw error;
  }
}

function nearest(places: ReadonlyMap<string, Position>, path: readonly PropertyKey[]): Position {
  for (let length = path.length; length > 0; length--) {
    const place = places.get(path.slice(0, length).map(String).join("\0"));
    if (place !== undefined) {
      return place;
    }
  }
  return { line: 1, column: 1 };
}

function recordPlaces(node: AST.TOMLTable | AST.TOMLKeyValue, places: Map<string, Position>): void {
  if (node.type === "TOMLTable") {
    record(node.resolvedKey, node.key, places);
    for (const entry of node.body) {
      recordPair(entry, node.resolvedKey, places);
    }
  } else {
    recordPair(node, [], places);
  }
}

function recordPair(pair: AST.TOMLKeyValue, parent: readonly PropertyKey[], places: Map<string, Position>): void {
  const path = [...parent, ...pair.key.keys.map((key) => (key.type === "TOMLBare" ? key.name : key.value))];
  record(path, pair.key, places);
  recordValue(pair.value, path, places);
}

function recordValue(value: AST.TOMLContentNode, path: readonly PropertyKey[], places: Map<string, Position>): void {
  if (value.type === "TOMLArray") {
    value.elements.forEach((element, i) => {
      record([...path, i], element, places);
      recordValue(element, [...path, i], places);
    });
  } else if (value.type === "TOMLInlineTable") {
    for (const entry of value.body) {
      recordPair(entry, path, places);
    }
  }
}

function record(path: readonly PropertyKey[], node: { loc: AST.SourceLocation }, places: Map<string, Position>): void {
  const key = path.map(String).join("\0");
  if (!places.has(key)) {
    places.set(key, { line: node.loc.start.line, column: node.loc.start.column + 1 });
  }
}
