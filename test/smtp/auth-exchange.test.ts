import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { beginExchange } from "../../src/smtp/session/auth-exchange.ts";
import type { Exchange } from "../../src/smtp/session/auth-exchange.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Feeds lines until the exchange is over, or there are no more. */
function exchange(argument: string, lines: readonly string[]): Exchange {
  let step = beginExchange(argument);
  for (const line of lines) {
    if (step.kind !== "ask") {
      break;
    }
    step = step.next(line);
  }
  return step;
}

describe("AUTH exchange", () => {
  const name = fc
    .string({ minLength: 1, maxLength: 40, unit: "grapheme" })
    .filter((text) => !/[\x00-\x1f\x7f]/.test(text));
  const password = fc.string({ maxLength: 40, unit: "grapheme" }).filter((text) => !text.includes("\0"));

  it("gives back any user and password that were sent, by every way of sending them", () => {
    fc.assert(
      fc.property(name, password, (user, secret) => {
        const plain = base64(`\0${user}\0${secret}`);
        for (const [argument, ...lines] of [
          [`PLAIN ${plain}`],
          ["PLAIN", plain],
          ["LOGIN", base64(user), base64(secret)],
          [`LOGIN ${base64(user)}`, base64(secret)],
        ] as [string, ...string[]][]) {
          const end = exchange(argument, lines);
          expect(end).toEqual({ kind: "credentials", method: argument.slice(0, 5), user, password: secret });
        }
      }),
    );
  });

  it("comes to an end over any lines, and never to credentials with a NUL or a broken line in them", () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array).toString("base64"));
    const line = fc.oneof(fc.string(), bytes, fc.constantFrom("*", "=", "", "PLAIN", "LOGIN", "===="));
    fc.assert(
      fc.property(
        fc.constantFrom("PLAIN", "LOGIN", "plain ", "login "),
        line,
        fc.array(line, { maxLength: 4 }),
        (method, first, lines) => {
          const end = exchange(`${method} ${first}`.trim(), lines);
          if (end.kind === "credentials") {
            expect(end.user).not.toMatch(/[\x00-\x1f\x7f\ufffd]/);
            expect(end.user).not.toBe("");
            expect(end.password).not.toMatch(/[\0\ufffd]/);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("takes no password of more than 1024 octets, and no two that decode to the same", () => {
    expect(exchange(`PLAIN ${base64(`\0u\0${"é".repeat(512)}`)}`, [])).toMatchObject({ kind: "credentials" });
    expect(exchange(`PLAIN ${base64(`\0u\0${"é".repeat(513)}`)}`, [])).toMatchObject({ kind: "answer" });
    const latin1 = Buffer.from("\0u\0p\xe9ss", "latin1").toString("base64");
    expect(exchange(`PLAIN ${latin1}`, [])).toMatchObject({ kind: "answer", response: { reply: { code: 501 } } });
  });
});
