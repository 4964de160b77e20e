/** Code words of qpsmtpd's list files: every word, and the numbers at each hook. */
import { describe, expect, it } from "vitest";

import { parseCode, refuseBy } from "../../src/hooks/code-words.ts";
import type { RefusingCode } from "../../src/hooks/code-words.ts";
import type { HookName } from "../../src/hooks/hook-names.ts";

describe("a code word", () => {
  it("is one in capitals or small letters, and nothing else is one", () => {
    expect(parseCode("deny")).toEqual(parseCode("DENY"));
    expect(["OK", "done", "DECLINED"].map((word) => parseCode(word)?.kind)).toEqual(["accept", "accept", "pass"]);
    expect(["", "Deny", "DENYED", "toString", "constructor", "550"].map(parseCode)).toEqual(Array.from({ length: 6 }));
  });

  it("refuses with the number of its hook", () => {
    const number = (word: string, hook: HookName): string => {
      const verdict = refuseBy(parseCode(word) as RefusingCode, hook, "listed", "7.1", "no");
      return `${verdict.reply.wire.trimEnd()}${verdict.close === true ? " close" : ""}`;
    };
    expect(number("DENY", "rcpt")).toBe("550 5.7.1 no");
    expect(number("DENYSOFT", "rcpt")).toBe("450 4.7.1 no");
    expect(number("DENYHARD", "mail")).toBe("550 5.7.1 no close");
    expect(number("DENY", "data")).toBe("554 5.7.1 no");
    expect(number("DENYSOFT", "message")).toBe("451 4.7.1 no");
    expect(number("DENYSOFT_DISCONNECT", "message")).toBe("451 4.7.1 no close");
    expect(number("DENY_DISCONNECT", "header")).toBe("554 5.7.1 no close");
  });
});
