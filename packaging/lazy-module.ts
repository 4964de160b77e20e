/** A module in CommonJS, as rolldown writes it, whose imports are had when something of them is first used. */
import { posix } from "node:path";

/** At the top of a module: what it imports, by which name. */
const importLine = /^(?:const|let) ([\w$]+) = require\("([^"]+)"\);$/;
/** Below such a line, for a package that is no module. */
const adapted = /^[\w$]+ = (require_runtime[\w$]*)\.__toESM\([\w$]+(, 1)?\);$/;
/** Imported for what it does. */
const bareLine = /^require\("([^"]+)"\);$/;

interface Import {
  readonly name: string;
  /** An expression. */
  readonly value: string;
}

/** The module as a property of a table: `"name"(exports, module) { … }`. @param file its name in the table */
export function functionOf(file: string, code: string): string {
  const { imports, done, body } = split(file, code);
  const later = new Map(imports.flatMap(({ name, value }) => (isByMember(name, body) ? [[name, value] as const] : [])));
  // `let` would be looked at each time, whether it is there yet.
  const lines = imports.map(({ name, value }) =>
    later.has(name) ? `var ${name};` : `const ${name} = ${called(value, later)};`,
  );
  const text = called(body, later).replaceAll(/(?<![\w$.])require\("(\.[^"]+)"\)/g, (_, path: string) =>
    loaded(file, path),
  );
  return `${JSON.stringify(file)}(exports, module) {\n${[...lines, ...done].join("\n")}\n${text}\n}`;
}

function split(file: string, code: string) {
  const lines = code.split("\n");
  const imports: Import[] = [];
  const done: string[] = [];
  let i = 0;
  for (; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const [, name, path = ""] = importLine.exec(line) ?? [];
    const [, bare] = bareLine.exec(line) ?? [];
    if (name !== undefined) {
      const value = path.startsWith(".") ? loaded(file, path) : `require(${JSON.stringify(path)})`;
      const [isAdapted, runtime, mode = ""] = adapted.exec(lines[i + 1] ?? "") ?? [];
      i += isAdapted === undefined ? 0 : 1;
      imports.push({ name, value: isAdapted === undefined ? value : `${runtime}.__toESM(${value}${mode})` });
    } else if (bare !== undefined) {
      // Packages of Node do nothing by themselves.
      done.push(bare.startsWith(".") ? `${loaded(file, bare)};` : bare.startsWith("node:") ? "" : line);
    } else if (line !== "" && !line.startsWith("Object.defineProp")) {
      break;
    } else {
      done.push(line);
    }
  }
  return { imports, done, body: lines.slice(i).join("\n") };
}

function loaded(file: string, path: string): string {
  return `__load(${JSON.stringify(posix.join(posix.dirname(file), path))})`;
}

/** A name that stands for itself, and for no member of something else; "..." may be before it. */
function mentions(name: string, after: string): RegExp {
  return new RegExp(String.raw`(?<![\w$])(?<!(?<!\.\.)\.)${name.replaceAll("$", String.raw`\$`)}(?![\w$])${after}`);
}

/** Whether only members of it are used. */
function isByMember(name: string, body: string): boolean {
  return !mentions(name, String.raw`(?!\.)`).test(body);
}

/**
 * The code, with `name.member` as `(name ??= value).member`: a call for it would cost more than most functions that are called
 * so, until V8 has compiled them.
 */
function called(code: string, values: ReadonlyMap<string, string>): string {
  return code.replaceAll(/(?<![\w$])(?<!(?<!\.\.)\.)([\w$]+)(?=\.)/g, (word) =>
    values.has(word) ? `(${word} ??= ${called(values.get(word) ?? "", values)})` : word,
  );
}
