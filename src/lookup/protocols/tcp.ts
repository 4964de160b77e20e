/**
 * Postfix's tcp_table(5): `get KEY`, answered by `200 VALUE`, `500 REASON` for what is not there, or `400 REASON` for
 * what cannot be told. In keys and values `%` and what is not printable are `%XX`.
 */
import { after } from "../../smtp/session/outcome.ts";
import { stateless } from "../protocol.ts";
import { lookUp, refusalIn } from "../table.ts";
import { takeLine } from "./lines.ts";

/** tcp_table(5): the longest line. */
const longest = 4096;
const notFound = "500 not found\n";
const later = "400 try again later\n";

/** Undefined: a percent sign stands alone. */
function decoded(key: string): string | undefined {
  return /%(?![\da-f]{2})/i.test(key)
    ? undefined
    : key.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

export const tcp = stateless<string>(longest, refusalIn(notFound.trimEnd(), later.trimEnd()), {
  take: (input) => takeLine(input, longest, "400 line too long\n"),
  answer: (line, asker) => {
    const [, written] = /^get (\S+)$/.exec(line) ?? [];
    const key = written === undefined ? undefined : decoded(written);
    if (written === undefined || key === undefined) {
      return "400 not a request\n";
    }
    return after(lookUp(key, asker), (found) =>
      found === "there" ? `200 ${written}\n` : found === "absent" ? notFound : later,
    );
  },
  later,
});
