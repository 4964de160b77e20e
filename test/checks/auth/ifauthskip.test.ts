/** ifauthskip: the check and its example plugin spare the same clients. */
import { describe, expect, it } from "vitest";

import { ifauthskip } from "../../../src/checks/auth/ifauthskip.ts";
import { asPrinted, atRecipient, makeSession, runPlugin, startCheck } from "../fixture.ts";

const authenticated = { SMTPAUTHUSER: "marta", SMTPAUTHMETHOD: "plain" };

describe("ifauthskip", () => {
  const check = startCheck(ifauthskip);

  it("skips the checks after it for a client that has authenticated, and no other", () => {
    expect(check.rcpt?.(atRecipient(makeSession(authenticated)))).toEqual({ kind: "next" });
    expect(check.rcpt?.(atRecipient(makeSession({ SMTPAUTHMETHOD: "plain" })))).toEqual({ kind: "pass" });
  });

  it.each([{}, authenticated])("says the same as its plugin with %o", async (variables: Record<string, string>) => {
    const verdict = await check.rcpt?.(atRecipient(makeSession(variables)));
    const { commands } = await runPlugin("ifauthskip", [], variables);
    expect(commands.join()).toBe(asPrinted(verdict ?? { kind: "drop" }));
  });
});
