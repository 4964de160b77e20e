/** Which key or section is on which line of TOML text that could not be parsed. */
import { innerLines } from "./toml-scan.ts";

/** The earlier place of something that is given twice. */
export type FirstPlace =
  | { readonly kind: "setting"; readonly line: number }
  | { readonly kind: "section" | "mixed"; readonly line: number; readonly name: string }
  | { readonly kind: "unknown" };

interface Entry {
  readonly line: number;
  /** Dotted, without quotes and blanks. */
  readonly path: string;
  readonly kind: "setting" | "section" | "list";
  /** The section in force: each [[name]] begins another. */
  readonly within: number;
}

/** A name without quotes and blanks; dots inside quotes are left alone: this is for messages. */
function plainName(name: string): string {
  return name.replaceAll(/["'\s]/g, "");
}

function entries(text: string): Entry[] {
  const found: Entry[] = [];
  let section = "";
  let within = 0;
  for (const [i, raw] of text.split("\n").entries()) {
    const line = i + 1;
    const header = /^\s*(\[\[?)\s*([^[\]#]+?)\s*\]/.exec(raw);
    const setting = /^\s*((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)\s*=/.exec(raw);
    if (header !== null) {
      section = plainName(header[2] ?? "");
      within += header[1] === "[[" ? 1 : 0;
      found.push({ line, path: section, kind: header[1] === "[[" ? "list" : "section", within });
    } else if (setting !== null) {
      const path = `${section}${section === "" ? "" : "."}${plainName(setting[1] ?? "")}`;
      found.push({ line, path, kind: "setting", within });
    }
  }
  return found;
}

/** The dotted key on a line, or "". */
export function pathOnLine(text: string, line: number): string {
  return entries(text).find((entry) => entry.line === line && entry.kind === "setting")?.path ?? "";
}

/** Where the key or section on a line was before. */
export function firstPlace(text: string, line: number): FirstPlace {
  const inner = innerLines(text);
  const all = entries(text).filter((entry) => !inner.has(entry.line));
  const here = all.find((entry) => entry.line === line);
  const before = all.filter((entry) => entry.line < line);
  if (here === undefined) {
    return { kind: "unknown" };
  }
  const same = before.findLast(({ path }) => path === here.path);
  if (here.kind === "setting") {
    const first =
      before.find(({ path, kind, within }) => path === here.path && kind === "setting" && within === here.within) ??
      same ??
      before.find(({ path }) => here.path.startsWith(`${path}.`) || path.startsWith(`${here.path}.`));
    return first === undefined ? { kind: "unknown" } : { kind: "setting", line: first.line };
  }
  if (same === undefined) {
    return { kind: "unknown" };
  }
  return same.kind === here.kind || same.kind === "setting"
    ? { kind: "section", line: same.line, name: here.path }
    : { kind: "mixed", line: same.line, name: here.path };
}
