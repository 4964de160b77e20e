/** rhsbl against a name server on loopback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { rhsbl } from "../../../src/checks/lists/rhsbl.ts";
import { EarlyScene } from "./early-scene.ts";

describe("rhsbl", () => {
  let scene: EarlyScene;
  beforeEach(async () => {
    scene = await EarlyScene.open();
    scene.dns.add("spam.example.dbl.example", "A", "127.0.0.4");
    scene.dns.add("spam.example.dbl.example", "TXT", "listed as spam");
  });
  afterEach(() => scene.close());
  const start = (text: string) => scene.start([rhsbl, { file: scene.lists.write(text).file }]);
  const from = (sender: string, to = "vera@ours.example", variables = {}) => scene.ask(to, sender, variables);

  it("says what the list's line says of the sender's domain, or the TXT record", async () => {
    start("dbl.example\tdoes not accept bounces\n");
    expect(await from("a@SPAM.example")).toBe(
      "E550 5.7.1 Mail from spam.example rejected because it does not accept bounces",
    );
    start("dbl.example\n");
    expect(await from("a@spam.example")).toBe("E550 5.7.1 listed as spam");
    expect(await from("a@good.example")).toBe("");
  });

  it("takes its lists from the settings too, and waits for them as long as it is told", async () => {
    const given = (values: Readonly<Record<string, unknown>>) =>
      scene.start([rhsbl, { file: "", zones: ["none.example", "dbl.example is spam"], ...values }]);
    given({});
    expect(await from("a@spam.example")).toBe("E550 5.7.1 Mail from spam.example rejected because it is spam");
    scene.dns.behave("spam.example.dbl.example", { delay: 150 });
    given({ timeout: "10ms" });
    expect(await from("a@spam.example")).toBe("");
  });

  it("never asks about the null sender, and leaves alone postmaster, relay clients and logins", async () => {
    start("dbl.example it\n");
    expect(await from("")).toBe("");
    expect(scene.dns.asked).toEqual([]);
    expect(await from("a@spam.example", "postmaster@ours.example")).toBe("");
    expect(await from("a@spam.example", "vera@ours.example", { RELAYCLIENT: "" })).toBe("");
    expect(await from("a@spam.example", "vera@ours.example", { SMTPAUTHUSER: "v" })).toBe("");
  });

  it("passes where a list is dead, silent or fails, or the file is missing", async () => {
    start("dbl.example x\n");
    scene.dns.add("dead.example.dbl.example", "A", "192.0.2.99");
    expect(await from("a@dead.example")).toBe("");
    scene.lists.write("[192.0.2.1]\n");
    expect(await from("a@spam.example")).toBe("");
    expect(scene.lists.log.lines.join()).toContain(":1: is not a zone");
    scene.lists.remove();
    expect(await from("a@spam.example")).toBe("");
    scene.dns.behave("*", { drop: true });
    expect(await start("dbl.example x\n").ask("vera@ours.example", "a@spam.example")).toBe("");
  });
});
