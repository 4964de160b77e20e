/** authrequired: the check and its example plugin say the same before and after AUTH. */
import { describe, expect, it } from "vitest";

import { authrequired } from "../../../src/checks/auth/authrequired.ts";
import { asPrinted, makeSession, runPlugin, startCheck } from "../fixture.ts";

const authenticated = { SMTPAUTHUSER: "marta", SMTPAUTHMETHOD: "plain" };

describe("authrequired", () => {
  const check = startCheck(authrequired);

  it("refuses MAIL of a client that has not authenticated with 530 5.7.0", () => {
    expect(check.mail?.(makeSession({ RELAYCLIENT: "" }))).toEqual({
      kind: "refuse",
      reason: "required",
      reply: { code: 530, wire: "530 5.7.0 Authentication required\r\n" },
    });
  });

  it("passes a client that has authenticated", () => {
    expect(check.mail?.(makeSession(authenticated))).toEqual({ kind: "pass" });
  });

  it.each([
    ["a stranger", {}],
    ["an authenticated client", authenticated],
    ["a client with an empty user", { SMTPAUTHUSER: "" }],
  ])("says the same as its plugin of %s", async (_who, variables: Record<string, string>) => {
    const verdict = await check.mail?.(makeSession(variables));
    const { commands, exit } = await runPlugin("authrequired", [], variables);
    expect(commands.join()).toBe(asPrinted(verdict ?? { kind: "drop" }));
    expect(exit).toBe(0);
  });
});
