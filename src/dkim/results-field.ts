/** The field Authentication-Results: written, and recognised where somebody else wrote it in the relay's name. RFC 8601. */
import { foldAscii, normalDomain } from "../mail/address.ts";
import { HeaderFields } from "../message/header.ts";
import { foldLines } from "../message/words.ts";

const name = "Authentication-Results";
/** Folded at this length. RFC 5322 2.1.1 recommends 78; results have few blanks. */
const lineLength = 120;

/** Without its last line ending, one character per octet. @param results as in RFC 8601 2.2, "dkim=pass header.d=…" */
export function resultsField(authservId: string, results: readonly string[]): string {
  const parts = results.length === 0 ? ["none"] : results.map((text) => foldLines(text, lineLength));
  // RFC 6532: text beyond ASCII is UTF-8.
  return Buffer.from(`${name}: ${authservId};\r\n ${parts.join(";\r\n ")}`, "utf8").toString("latin1");
}

/** Which fields of that name, from 1, claim to be of this host. @param header one character per octet */
export function claimedResults(header: string, authservId: string): number[] {
  const own = normalId(authservId);
  const values = new HeaderFields(() => header).values(name);
  return values.flatMap((value, i) => (normalId(readId(value)) === own ? [i + 1] : []));
}

function normalId(id: string): string {
  return normalDomain(id) ?? foldAscii(id);
}

/** The authserv-id: behind blanks and comments, a token or a quoted string. RFC 8601 2.2, RFC 5322 3.2.2. */
function readId(value: string): string {
  const text = Buffer.from(withoutComments(value), "latin1").toString("utf8").trim();
  const [, quoted, token = ""] = /^(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/.exec(text) ?? [];
  return quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, "$1");
}

/** What is in front of the id, and behind it, may be comments within comments. */
function withoutComments(value: string): string {
  let depth = 0;
  let kept = "";
  let isQuoted = false;
  for (let i = 0; i < value.length && !(depth === 0 && !isQuoted && value[i] === ";"); i++) {
    const character = value[i] ?? "";
    const isEscaped = character === "\\";
    const piece = isEscaped ? value.slice(i, i + 2) : character;
    i += isEscaped ? 1 : 0;
    if (depth === 0 && character === '"') {
      isQuoted = !isQuoted;
    }
    if (!isQuoted && character === "(") {
      depth++;
    }
    kept += depth === 0 ? piece : "";
    if (!isQuoted && character === ")" && depth > 0) {
      depth--;
    }
  }
  return kept;
}
