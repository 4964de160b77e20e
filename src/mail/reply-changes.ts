/** Replies made out of others: refused for now instead of for good, or with another text. */
import { reply } from "./reply.ts";
import type { Reply } from "./reply.ts";

interface Parts {
  /** "5.7.1"; "" if there is none. */
  readonly enhanced: string;
  readonly lines: readonly string[];
}

function partsOf(answer: Reply): Parts {
  const lines = answer.wire
    .trimEnd()
    .split("\r\n")
    .map((line) => line.slice(4));
  const enhanced = /^([245]\.\d{1,3}\.\d{1,3}) /.exec(lines[0] ?? "")?.[1] ?? "";
  return { enhanced, lines: lines.map((line) => (enhanced === "" ? line : line.slice(enhanced.length + 1))) };
}

/** A 5xx as 4xx: 550 becomes 450, the others 451, and the enhanced code follows. RFC 5321 4.2.1. */
export function temporary(answer: Reply): Reply {
  if (answer.code < 500) {
    return answer;
  }
  const { enhanced, lines } = partsOf(answer);
  return reply(answer.code === 550 ? 450 : 451, enhanced.replace(/^5/, "4"), ...lines);
}

/** The same text and enhanced code with another code of the same class. */
export function withOtherCode({ wire }: Reply, code: number): Reply {
  return { code, wire: wire.replaceAll(/^\d{3}/gm, String(code)) };
}

/** The same codes with one line of other text. */
export function withText(answer: Reply, text: string): Reply {
  return reply(answer.code, partsOf(answer).enhanced, text);
}
