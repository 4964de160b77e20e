/**
 * From a Perl regular expression, as qpsmtpd's list files have them, to the same one in JavaScript's notation. What
 * means something else there, or nothing, is an error of the pattern: JavaScript alone would read `\A` as the letter A.
 */

/** The same pattern for `new RegExp`. */
export interface Translated {
  readonly source: string;
  readonly flags: string;
}

/** Escapes that both have, before a letter or digit. `\0` and back references are among them. */
const shared = /^[dDwWsSbBtnrf0-9]$/;
/** One-letter escapes of Perl alone. `$` without the flag m is the very end in JavaScript. */
const anchors: ReadonlyMap<string, string> = new Map([
  ["A", "^"],
  ["z", "$"],
  ["Z", "$"],
]);
const posix: ReadonlyMap<string, string> = new Map([
  ["alpha", "a-zA-Z"],
  ["digit", "0-9"],
  ["alnum", "a-zA-Z0-9"],
  ["upper", "A-Z"],
  ["lower", "a-z"],
  ["xdigit", "0-9a-fA-F"],
  ["word", "\\w"],
  ["space", "\\s"],
  ["blank", " \\t"],
  ["punct", "!-\\/:-@\\[-`{-~"],
]);

/** One step: what is read, and what it becomes. */
interface Step {
  readonly length: number;
  readonly text: string;
}

const same = (text: string): Step => ({ length: text.length, text });

/** Translates a pattern. @throws SyntaxError if JavaScript has no such thing */
export function translatePattern(perl: string): Translated {
  const [start, flags] = /^\(\?([ims]+)\)/.exec(perl) ?? ["", ""];
  if (flags.includes("m") && /\\[AzZ]/.test(perl)) {
    throw new SyntaxError("\\A and \\z together with (?m) are not supported");
  }
  let source = "";
  let isInClass = false;
  for (let at = start.length; at < perl.length;) {
    const rest = perl.slice(at, at + 80);
    const step: Step = rest.startsWith("\\Q") ? quote(perl.slice(at + 2)) : isInClass ? inClass(rest) : outside(rest);
    isInClass = isInClass ? step.text !== "]" : step.text.startsWith("[");
    source += step.text;
    at += step.length;
  }
  return { source, flags: [...new Set(flags)].join("") };
}

/** `\Q…\E`: taken literally. */
function quote(rest: string): Step {
  const end = rest.indexOf("\\E");
  const text = end === -1 ? rest : rest.slice(0, end);
  return {
    length: text.length + (end === -1 ? 2 : 4),
    text: text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`),
  };
}

function outside(rest: string): Step {
  if (rest.startsWith("\\")) {
    return escaped(rest);
  }
  // A bracket that comes first in a class belongs to it.
  const opened = /^\[\^?(\]?)/.exec(rest);
  return opened === null
    ? same(rest.charAt(0))
    : { length: opened[0].length, text: opened[0].replace("]", String.raw`\]`) };
}

function inClass(rest: string): Step {
  if (rest.startsWith("\\")) {
    return escaped(rest);
  }
  const [whole, name = ""] = /^\[:(\^?[a-z]+):\]/.exec(rest) ?? [];
  if (whole === undefined) {
    return same(rest.charAt(0));
  }
  const text = posix.get(name);
  if (text === undefined) {
    throw new SyntaxError(`[:${name}:] is not supported`);
  }
  return { length: whole.length, text };
}

function escaped(rest: string): Step {
  const [hex] = /^\\x[0-9a-fA-F]{2}/.exec(rest) ?? [];
  const [name] = /^\\k<\w+>/.exec(rest) ?? [];
  const letter = rest.charAt(1);
  const plain =
    letter === "" ? undefined : (hex ?? name ?? (/[A-Za-z0-9]/.test(letter) ? undefined : rest.slice(0, 2)));
  if (plain !== undefined) {
    return same(plain);
  }
  const anchor = anchors.get(letter);
  if (anchor === undefined && !shared.test(letter)) {
    throw new SyntaxError(letter === "" ? "a backslash at the end" : `\\${letter} is not supported`);
  }
  return anchor === undefined ? same(rest.slice(0, 2)) : { length: 2, text: anchor };
}
