/** badhelo: names that are refused, and patterns of names. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { badhelo } from "../../../src/checks/envelope/badhelo.ts";
import { ListScene } from "../list-scene.ts";

describe("badhelo", () => {
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());
  const ask = (helo: string, variables = {}) => scene.ask({ helo, variables });

  it("refuses a listed name, in whatever letter case, and shows it as it came", async () => {
    scene.write("yahoo.com\nMail.Test\n").start(badhelo);
    expect(await ask("YAHOO.com")).toBe("helo E550 5.7.1 Sorry, I don't believe that you are YAHOO.com.");
    expect(await ask("mail.test")).toContain("550");
    expect(await ask("mx.yahoo.com")).toBe("");
    expect(await ask("[2001:db8::7]")).toBe("");
  });

  it("reads patterns only if asked to; one behind an exclamation mark refuses all that do not match", async () => {
    scene.write(String.raw`\.dialup\.test$`).start(badhelo, { patterns: true });
    expect(await ask("a.DIALUP.test")).toContain("550");
    expect(await ask("dialup.test")).toBe("");
    scene.write(String.raw`!\.`);
    expect(await ask("localhost")).toContain("550");
    expect(await ask("mx.good.example")).toBe("");
    scene.start(badhelo);
    expect(await ask("localhost")).toBe("");
  });

  it("leaves alone relay clients", async () => {
    scene.write("bad.test\n").start(badhelo);
    expect(await ask("bad.test", { RELAYCLIENT: "" })).toBe("");
  });
});
