/** What badcountry refuses, and what it passes. */
import { describe, expect, it } from "vitest";

import { badcountry } from "../../../src/checks/client/badcountry.ts";
import { asPrinted, makeSession, startCheck } from "../fixture.ts";

describe("badcountry", () => {
  it("refuses a listed name, whatever its letter case, and no other", async () => {
    const check = startCheck(badcountry, { names: ["bad.example"] });
    const ask = async (helo: string): Promise<string> =>
      asPrinted((await check.helo?.(makeSession({ SMTPHELOHOST: helo }))) ?? { kind: "drop" });
    expect(await ask("BAD.example")).toBe("E550 5.7.1 Local policy refuses this name");
    expect(await ask("good.example")).toBe("");
  });
});
