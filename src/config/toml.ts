/** TOML text to values that remember their position: every error can name line and column. */
import { getStaticTOMLValue, parseTOML, ParseError } from "toml-eslint-parser";
import type { AST } from "toml-eslint-parser";

import type { Fault, Position } from "./fault.ts";
import { placeName } from "./place-names.ts";
import { tooDeep } from "./toml-scan.ts";
import { tomlFinding } from "./toml-words.ts";

export type { Fault, Position } from "./fault.ts";

/** A file that is TOML. */
export interface TomlFile {
  readonly value: Readonly<Record<string, unknown>>;
  /** The position of a key, or the nearest key above it. */
  position(path: readonly PropertyKey[]): Position;
  /** An error at a key, or a warning. */
  readonly fault: (path: readonly PropertyKey[], message: string) => Fault;
}

/** Prints an error as compilers do. */
export function formatFault(fault: Fault): string {
  const key = fault.key === "" ? "" : `${fault.key}: `;
  return `${fault.file}:${fault.line}:${fault.column}: ${key}${fault.message}`;
}

/** No setting is nested deeper than three levels; the parser has no stack for 10 000. */
const mostNested = 32;

/** Reads TOML 1.0; a byte order mark and CRLF are tolerated. */
export function readToml(marked: string, file: string): TomlFile | Fault {
  const text = marked.replace(/^\uFEFF/, "");
  const deep = tooDeep(text, mostNested);
  if (deep !== undefined) {
    return { file, ...deep, key: "", message: `lists and tables are nested deeper than ${mostNested} levels` };
  }
  try {
    const program = parseTOML(text);
    const places = new Map<string, Position>();
    for (const node of program.body[0].body) {
      recordPlaces(node, places);
    }
    const value = getStaticTOMLValue(program);
    const position = (path: readonly PropertyKey[]): Position => nearest(places, path);
    const fault = (path: readonly PropertyKey[], message: string): Fault => {
      return { file, ...position(path), key: placeName(path, value), message };
    };
    const lost = [...places.keys()].map((key) => key.split("\0")).find((path) => path.includes("__proto__"));
    // JavaScript drops this name, and a key that is dropped would be missed by nobody.
    return lost === undefined ? { value, position, fault } : fault(lost, "is not a setting");
  } catch (error) {
    if (error instanceof ParseError) {
      return { file, ...tomlFinding(text, error) };
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
    recordAbove(node.resolvedKey, node.key, places);
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
  recordAbove(path, pair.key, places);
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

/** What a dotted name opens on its way: [a.b] stands for a, too. No setting has a longer name than this. */
function recordAbove(
  path: readonly PropertyKey[],
  node: { loc: AST.SourceLocation },
  places: Map<string, Position>,
): void {
  for (let length = 1; length < Math.min(path.length, 6); length++) {
    record(path.slice(0, length), node, places);
  }
}

function record(path: readonly PropertyKey[], node: { loc: AST.SourceLocation }, places: Map<string, Position>): void {
  const key = path.map(String).join("\0");
  if (!places.has(key)) {
    places.set(key, { line: node.loc.start.line, column: node.loc.start.column + 1 });
  }
}
