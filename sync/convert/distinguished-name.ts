/**
 * DNs, in a form in which equal ones are equal texts. RFC 4514, and what RFC 2253 and RFC 1779 allowed: blanks around
 * separators, `;` for `,`, quotes. Values compare without regard to case, and with blanks folded.
 */
import { decodeValue } from "../entry.ts";
import { canonicalName } from "./attribute-names.ts";

/** One `type=value` of a DN. */
export interface NamePart {
  /** In lower case, and the shortest of its names: `cn` for `2.5.4.3`. */
  readonly type: string;
  readonly value: string;
}

/** The parts of a DN, one list for each level; undefined if the text is none. "" has no level. */
export function parseDn(text: string): readonly (readonly NamePart[])[] | undefined {
  const levels: NamePart[][] = [];
  if (text.trim() === "") {
    return levels;
  }
  // Pieces between separators that are neither escaped nor quoted, each with the separator before it.
  const pieces = text.match(/(?:^|[,;+])(?:\\[^]|"(?:\\[^]|[^"\\])*"|[^,;+"\\])*/g) ?? [];
  if (pieces.join("") !== text) {
    return undefined;
  }
  for (const [index, piece] of pieces.entries()) {
    const part = readPart(index === 0 ? piece : piece.slice(1));
    if (part === undefined) {
      return undefined;
    }
    const level = levels.at(-1);
    if (index > 0 && piece.startsWith("+") && level !== undefined) {
      level.push(part);
    } else {
      levels.push([part]);
    }
  }
  return levels;
}

/** A first level without quotes, which are rare, before a comma. */
const firstLevel = /^(?:[^,;"\\]|\\[^])+(?=,)/;
/** The branch that was folded last, and its form: entries of one branch come one after another. */
let [latestBranch, latestFolded]: [string, string | undefined] = ["", ""];

/** The form in which DNs are compared; "," is between levels alone. */
export function foldDn(dn: string): string {
  return (
    foldByBranch(dn) ??
    foldLevels(dn) ??
    dn
      .trim()
      .replace(/\s*([,=])\s*/g, "$1")
      .toLowerCase()
  );
}

function foldByBranch(dn: string): string | undefined {
  const [level = ""] = firstLevel.exec(dn) ?? [];
  const branch = dn.slice(level.length + 1);
  if (level.trim() === "" || branch.trim() === "") {
    return undefined;
  }
  if (branch !== latestBranch) {
    [latestBranch, latestFolded] = [branch, foldLevels(branch)];
  }
  const folded = latestFolded === undefined ? undefined : foldLevels(level);
  return folded === undefined ? undefined : `${folded},${latestFolded}`;
}

/** Undefined if the text is no DN. */
function foldLevels(dn: string): string | undefined {
  return parseDn(dn)
    ?.map((parts) =>
      parts
        .map(({ type, value }) => `${type}=${escape(foldText(value))}`)
        .toSorted()
        .join("+"),
    )
    .join(",");
}

/** Whether a folded DN is the folded base, or below it. */
export function isBelow(dn: string, base: string): boolean {
  return base === "" || dn === base || dn.endsWith(`,${base}`);
}

/** A text as caseIgnoreMatch compares it. RFC 4518 in short. */
export function foldText(text: string): string {
  const folded = /^[\x00-\x7f]*$/.test(text) ? text : text.normalize("NFKC");
  return folded.trim().replace(/\s+/g, " ").toLowerCase();
}

function escape(value: string): string {
  return value.replace(/[,+="\\]/g, (character) => `\\${character.charCodeAt(0).toString(16)}`);
}

function readPart(text: string): NamePart | undefined {
  const [, type, raw = ""] = /^\s*(?:oid\.)?([A-Za-z][A-Za-z0-9_-]*|\d+(?:\.\d+)*)\s*=\s*([^]*)$/i.exec(text) ?? [];
  if (type === undefined) {
    return undefined;
  }
  const value = /^#(?:[0-9a-f]{2})+\s*$/i.test(raw) ? readHex(raw.trim().slice(1)) : readText(raw);
  return { type: canonicalName(type), value };
}

/** The value of a BER string; of anything else its digits. */
function readHex(digits: string): string {
  const bytes = Buffer.from(digits, "hex");
  const isText = [0x04, 0x0c, 0x13, 0x16].includes(bytes[0] ?? 0) && bytes[1] === bytes.length - 2;
  return isText ? decodeValue(bytes.subarray(2)) : `#${digits.toLowerCase()}`;
}

function readText(raw: string): string {
  // A blank at the end counts only if it is escaped, and then it is folded away anyway.
  const text = raw.trimEnd();
  const inner = text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  return inner.replace(/((?:\\[0-9a-f]{2})+)|\\([^]|$)/gi, (_, octets: string | undefined, plain: string) =>
    octets === undefined ? plain : decodeValue(Buffer.from(octets.replaceAll("\\", ""), "hex")),
  );
}
