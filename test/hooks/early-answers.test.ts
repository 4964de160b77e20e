import { describe, expect, it } from "vitest";

import { EarlyAnswers } from "../../src/hooks/early-answers.ts";
import { makeSession } from "../checks/fixture.ts";

const never = new Promise<string>(() => undefined);
const one = (text: string): string | undefined => (text === "no" ? undefined : text);

describe("EarlyAnswers", () => {
  it("asks once, and gives the first answer in the order of the questions", async () => {
    const answers = new EarlyAnswers<string>(5000, "session");
    const session = makeSession();
    let asked = 0;
    const ask = () => {
      asked++;
      return [Promise.resolve("no"), Promise.resolve("second"), "third"];
    };
    answers.begin(session, ask);
    expect(await answers.first(session, ask, one)).toBe("second");
    expect(answers.first(session, ask, one)).toBe("second");
    expect(asked).toBe(1);
    expect(await answers.first(makeSession(), ask, one)).toBe("second");
    expect(asked).toBe(2);
  });

  it("waits no longer than its patience for all answers together, and then not again", async () => {
    const answers = new EarlyAnswers<string>(20, "session");
    const session = makeSession();
    const ask = () => [never, never, "last"];
    expect(await answers.first(session, ask, one)).toBe("last");
    expect(answers.first(session, ask, one)).toBe("last");
  });

  it("hears an answer that came after the patience at the next question", async () => {
    const answers = new EarlyAnswers<string>(5, "session");
    const session = makeSession();
    const { promise, resolve } = Promise.withResolvers<string>();
    const ask = () => [promise];
    expect(await answers.first(session, ask, one)).toBeUndefined();
    resolve("late");
    await promise;
    expect(answers.first(session, ask, one)).toBe("late");
  });
});
