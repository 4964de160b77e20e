/** deliverabled: each number of a scripted daemon, a daemon that is unavailable, and daemons by smtproutes. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { deliverabled } from "../../../src/checks/recipient/deliverabled.ts";
import { hostOf, readSmtpRoutes } from "../../../src/files/smtproutes.ts";
import type { Mailbox } from "../../../src/mail/address.ts";
import { recipientsOf } from "../../hooks/services.ts";
import { startDeliverabled } from "../../fakes/deliverabled.ts";
import type { FakeDeliverabled } from "../../fakes/deliverabled.ts";
import { ListScene } from "../list-scene.ts";

describe("deliverabled", () => {
  let scene: ListScene;
  let daemon: FakeDeliverabled;
  beforeEach(async () => {
    scene = new ListScene();
    daemon = await startDeliverabled();
    start();
  });
  afterEach(async () => {
    scene.close();
    await daemon.close();
  });

  const start = (values: Readonly<Record<string, unknown>> = {}) =>
    scene.start(deliverabled, { server: daemon.place, smtproutes: scene.file, ...values });
  const ask = (to: string, from = "a@far.test", variables = {}) => scene.ask({ from, to, variables });
  const nobody = "E550 5.1.1 Sorry, no mailbox here by that name";
  const warnings = () => scene.log.lines.filter((line) => line.includes("no answer, recipients pass"));

  it("refuses 0 alone, and 20 for the null sender", async () => {
    const numbers = [0, 17, 18, 19, 20, 33, 34, 47, 241, 242, 243, 244, 245, 246, 254, 255];
    for (const code of numbers) {
      daemon.answer(`c${code}@ours.example`, code);
      expect([code, await ask(`c${code}@ours.example`)]).toEqual([code, code === 0 ? nobody : ""]);
      const bounce = await ask(`c${code}@ours.example`, "");
      expect([code, bounce]).toEqual([
        code,
        code === 0 ? nobody : code === 20 ? "E550 5.7.1 Mailing lists do not accept null senders" : "",
      ]);
    }
  });

  it("asks in lower case, without the tag of a signature; not about what it must not ask", async () => {
    daemon.answer("vera@ours.example", 241);
    await ask("Vera@OURS.example");
    await ask("prvs=0123456789=vera@ours.example", "");
    await ask('"a b"@ours.example');
    await ask("postmaster");
    const recipients = { ...recipientsOf({ kind: "unknown" }), isAlways: ({ user }: Mailbox) => user === "postmaster" };
    scene.start(deliverabled, { server: daemon.place }, { recipients });
    await ask("postmaster@ours.example");
    expect(daemon.asked).toEqual(["vera@ours.example"]);
  });

  it("passes with one warning a minute where the daemon is away, cannot tell or talks nonsense", async () => {
    for (const fault of ["cut", "empty", "error", "nonsense"] as const) {
      daemon.answer(`${fault}@ours.example`, fault);
      start();
      expect(await ask(`${fault}@ours.example`)).toBe("");
    }
    daemon.answer("c47@ours.example", 47);
    start();
    expect(await ask("c47@ours.example")).toBe("");
    expect(warnings()).toHaveLength(5);
    await daemon.close();
    expect(await ask("x@ours.example")).toBe("");
    expect(warnings()).toHaveLength(5);
    scene.later(60_000);
    expect(await ask("y@ours.example")).toBe("");
    expect(warnings()).toHaveLength(6);
  });

  it("passes after its deadline where the daemon hangs", async () => {
    start({ timeout: "100ms" });
    daemon.answer("slow@ours.example", "hang");
    expect(await ask("slow@ours.example")).toBe("");
    expect(warnings().join()).toContain("no answer within the deadline");
  });

  it("does not warn where the daemon does not know the domain", async () => {
    expect(await ask("x@ours.example")).toBe("");
    expect(warnings()).toEqual([]);
  });

  it("leaves alone relay clients, users, whitelisted clients and NOGOODMAILTO", async () => {
    daemon.answer("nobody@ours.example", 0);
    for (const name of ["RELAYCLIENT", "SMTPAUTHUSER", "NOGOODMAILTO"]) {
      expect(await ask("nobody@ours.example", "a@far.test", { [name]: "x" })).toBe("");
    }
    expect(daemon.asked).toEqual([]);
    expect(await ask("nobody@ours.example")).toBe(nobody);
  });

  it("finds the daemon by smtproutes, and again when the file changes", async () => {
    daemon.answer("nobody@ours.example", 0);
    start({ server: `smtproutes:${daemon.port}` });
    expect(await ask("nobody@ours.example")).toBe("");
    expect(daemon.asked).toEqual([]);
    scene.write("ours.example:127.0.0.1:25\n");
    expect(await ask("nobody@ours.example")).toBe(nobody);
    expect(await ask("nobody@alias.example")).toBe("");
    expect(daemon.asked).toEqual(["nobody@ours.example", "nobody@alias.example"]);
    scene.write("ours.example:\n");
    expect(await ask("other@ours.example")).toBe("");
    expect(daemon.asked).toHaveLength(2);
    start({ server: `smtproutes:127.0.0.1:${daemon.port}` });
    expect(await ask("nobody@ours.example")).toBe(nobody);
    scene.remove();
    expect(await ask("nobody@ours.example")).toBe(nobody);
  });
});

describe("smtproutes", () => {
  const faults: string[] = [];
  const read = (text: string) =>
    readSmtpRoutes(
      text.split("\n").map((line, i) => ({ text: line, path: "smtproutes", line: i + 1 })),
      ({ line }, why) => void faults.push(`${line}: ${why}`),
    );

  it("goes by the exact domain, the longest suffix, and the line for all others", () => {
    const routes = read(
      "a.example:one:25\n.example:two\n.b.example:[192.0.2.1]:2525\nEmpty.example:\n:last:25\nno route",
    );
    expect(
      ["a.example", "x.a.example", "x.b.example", "b.example", "empty.example", "else.test"].map((domain) =>
        hostOf(domain, routes),
      ),
    ).toEqual(["one", "two", "192.0.2.1", "two", "", "last"]);
    expect(faults).toEqual(["6: is not a route: an entry is domain:host or domain:host:port"]);
    expect(hostOf("else.test", read("a.example:one"))).toBe("");
  });
});
