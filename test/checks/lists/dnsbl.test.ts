/** dnsbl and dnswl against a name server on loopback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { dnsbl } from "../../../src/checks/lists/dnsbl.ts";
import { dnswl } from "../../../src/checks/lists/dnswl.ts";
import { EarlyScene } from "./early-scene.ts";

const off = { file: "", allow: "", rejectmsg: "", test_points: false };
const listed = "E550 5.7.1 Spam source";

describe("dnsbl", () => {
  let scene: EarlyScene;
  beforeEach(async () => {
    scene = await EarlyScene.open();
    scene.dns.add("7.2.0.192.bl.example", "A", "127.0.0.2");
    scene.dns.add("7.2.0.192.bl.example", "TXT", "Spam source");
  });
  afterEach(() => scene.close());
  const start = (values: Readonly<Record<string, unknown>> = {}) =>
    scene.start([dnsbl, { ...off, zones: ["bl.example"], ...values }]);

  it("refuses a listed client with the list's text, but not what is for postmaster", async () => {
    start();
    expect(await scene.ask()).toBe(listed);
    expect(await scene.ask("Postmaster@ours.example")).toBe("");
    expect(await scene.ask("vera@ours.example", "")).toBe(listed);
    expect(await scene.ask("vera@ours.example", "a@b.test", {}, "192.0.2.8")).toBe("");
    expect(scene.lists.log.lines).toContain("dnsbl: listed");
  });

  it("asks when the client connects", async () => {
    start();
    await scene.ask("postmaster@ours.example");
    await expect.poll(() => scene.dns.count("7.2.0.192.bl.example", "TXT")).toBe(1);
  });

  it("reads zones and texts, clients and the first lines of the reply from files", async () => {
    const file = scene.lists.write("none.example\nbl.example:See http://bl.example/?%IP%\nnot a zone\n").file;
    start({ zones: [], file });
    expect(await scene.ask()).toBe("E550 5.7.1 See http://bl.example/?192.0.2.7");
    expect(scene.lists.log.lines.join()).toContain(`${file}:3: is not a zone`);
    scene.lists.remove();
    expect(await scene.ask()).toBe("");
    scene.lists.write("192.0.2.\n");
    start({ allow: file });
    expect(await scene.ask()).toBe("");
    scene.lists.write("Ask us\nat +49 1\n");
    start({ rejectmsg: file });
    expect(await scene.ask()).toBe("E550-5.7.1 Ask us\r\n550-5.7.1 at +49 1\r\n550 5.7.1 Spam source");
  });

  it("obeys RBLSMTPD, and asks nobody then", async () => {
    start();
    const byVariable = (RBLSMTPD: string) => scene.ask("vera@ours.example", "a@b.test", { RBLSMTPD });
    expect(await byVariable("")).toBe("");
    expect(await byVariable("Go away %IP%")).toBe("E450 4.7.1 Go away 192.0.2.7");
    expect(await byVariable("-Go away")).toBe("E550 5.7.1 Go away");
    expect(scene.dns.asked).toEqual([]);
  });

  it("leaves alone relay clients and logins, and passes where a list is silent, fails or answers nonsense", async () => {
    start();
    expect(await scene.ask("vera@ours.example", "a@b.test", { RELAYCLIENT: "" })).toBe("");
    expect(await scene.ask("vera@ours.example", "a@b.test", { SMTPAUTHUSER: "vera" })).toBe("");
    scene.dns.behave("*", { drop: true });
    expect(await start().ask()).toBe("");
    scene.dns.behave("*", { rcode: "SERVFAIL" });
    expect(await start().ask()).toBe("");
    scene.dns.behave("*", {});
    scene.dns.add("9.2.0.192.bl.example", "A", "127.255.255.254");
    scene.dns.add("9.2.0.192.bl.example", "TXT", "query refused");
    expect(await start().ask("vera@ours.example", "a@b.test", {}, "192.0.2.9")).toBe("");
  });

  it("asks about IPv6 clients, and leaves out a list that lists everybody", async () => {
    const name = `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.bl.example`;
    scene.dns.add(name, "A", "127.0.0.2");
    scene.dns.add(name, "TXT", "six");
    scene.dns.add("1.0.0.127.bl.example", "A", "127.0.0.2");
    expect(await start({ test_points: true }).ask()).toBe("");
    expect(await start().ask()).toBe(listed);
    expect(await scene.ask("vera@ours.example", "a@b.test", {}, "2001:db8::1")).toBe("E550 5.7.1 six");
  });

  it("passes a client that a whitelist has, whatever the order; a silent whitelist whitelists nobody", async () => {
    const both = () =>
      scene.start([dnsbl, { ...off, zones: ["bl.example"] }], [dnswl, { zones: ["wl.example"], file: "" }]);
    expect(await both().ask()).toBe(listed);
    scene.dns.add("7.2.0.192.wl.example", "A", "127.0.9.1");
    expect(await both().ask()).toBe("");
    expect(scene.lists.log.lines).toContain("dnswl: whitelisted");
    scene.dns.behave("7.2.0.192.wl.example", { drop: true });
    expect(await both().ask()).toBe(listed);
  });

  it("refuses a client that only a whitelist of everybody has, where its test points are asked", async () => {
    scene.dns.add("7.2.0.192.wl.example", "A", "127.0.9.1");
    scene.dns.add("1.0.0.127.wl.example", "A", "127.0.9.1");
    const ask = (test_points: boolean) =>
      scene
        .start([dnsbl, { ...off, zones: ["bl.example"] }], [dnswl, { zones: ["wl.example"], file: "", test_points }])
        .ask();
    expect(await ask(false)).toBe("");
    expect(await ask(true)).toBe(listed);
  });

  it("is waited for as long as it is told, and heard at the next recipient", async () => {
    scene.dns.behave("7.2.0.192.bl.example", { delay: 150 });
    start({ timeout: "10ms" });
    const session = await scene.open("vera@ours.example", "a@b.test");
    expect(session.told).toBe("");
    await expect.poll(() => scene.rcpt(session.session, "vera@ours.example")).toBe(listed);
    expect(await start().ask()).toBe(listed);
  });
});
