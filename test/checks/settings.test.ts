/** Settings of checks: each has its defaults and tells what it is for, so that the sample file can be printed. */
import { describe, expect, it } from "vitest";

import { authlogger } from "../../src/checks/auth/authlogger.ts";
import { authrequired } from "../../src/checks/auth/authrequired.ts";
import { ifauthskip } from "../../src/checks/auth/ifauthskip.ts";
import { loop } from "../../src/checks/content/loop.ts";
import { rblspp } from "../../src/checks/lists/rblspp.ts";
import { verybadrcptto } from "../../src/checks/envelope/verybadrcptto.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf } from "../hooks/steps.ts";
import { fieldMeta } from "../../src/config/fields.ts";

describe.each([authlogger, authrequired, ifauthskip, loop, rblspp, verybadrcptto])("settings of $name", (check) => {
  it("have defaults, each with its docstring", () => {
    expect(() => settingsOf(check)).not.toThrow();
    expect(Object.values(check.settings).map((type) => fieldMeta(type)?.doc ?? "")).not.toContain("");
  });

  it("go with functions for exactly the hooks it names", () => {
    const services = servicesFor();
    expect(Object.keys(check.create(settingsOf(check), services)).toSorted()).toEqual([...check.hooks].toSorted());
  });
});
