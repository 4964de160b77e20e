/** nodialup against a name server on loopback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { nodialup } from "../../../src/checks/client/nodialup.ts";
import { EarlyScene } from "../lists/early-scene.ts";

const pointer = "7.2.0.192.in-addr.arpa";

describe("nodialup", () => {
  let scene: EarlyScene;
  beforeEach(async () => {
    scene = await EarlyScene.open();
  });
  afterEach(() => scene.close());
  const start = (values: Readonly<Record<string, unknown>> = {}) =>
    scene.start([nodialup, { patterns: "", ...values }]);
  const askAs = async (name: string, values = {}): Promise<string> => {
    scene.dns.remove(pointer);
    scene.dns.add(pointer, "PTR", name);
    return start(values).ask();
  };
  const refused = (name: string) =>
    `E550 5.7.1 Sorry, ${name} (192.0.2.7) seems to be a dialup, use your ISP's SMTP server`;

  it("refuses names of customers' lines, and those that hold the address", async () => {
    for (const name of [
      "p5483.dip.dialin.example",
      "host-192-0-2-7.isp.example",
      "7.2.0.192.isp.example",
      "c0000207.isp.example",
      "adsl12.isp.example",
    ]) {
      expect(await askAs(name)).toBe(refused(name));
    }
    for (const name of ["mail.example", "mx192.0-2.example", "clientele.example", "dynamics.example"]) {
      expect(await askAs(name)).toBe("");
    }
  });

  it("refuses in place of the greeting where it is told so, postmaster's mail too", async () => {
    expect(await askAs("adsl12.isp.example", { at: "connection" })).toBe(
      `connection ${refused("adsl12.isp.example").replace("550", "554")}`,
    );
    expect(await askAs("mail.example", { at: "connection" })).toBe("");
    scene.dns.remove(pointer);
    expect(await start({ at: "connection", no_rdns: "temporary" }).ask("postmaster@ours.example")).toBe(
      "connection E421 4.7.25 Reverse DNS lookup for IP failed",
    );
  });

  it("takes patterns from a list instead, without the one that would stop the relay", async () => {
    const patterns = scene.lists.write("^Line\\d+\\.\n(a+)+$\n").file;
    expect(await askAs("LINE5.isp.example", { patterns })).toBe(refused("line5.isp.example"));
    expect(await askAs("adsl.isp.example", { patterns })).toBe("");
    expect(scene.lists.log.lines.join()).toContain(`${patterns}:2: `);
  });

  it("tells a client without a name only if asked to", async () => {
    expect(await start().ask()).toBe("");
    expect(await start({ no_rdns: "temporary" }).ask()).toBe("E450 4.7.25 Reverse DNS lookup for IP failed");
    expect(await scene.ask("vera@ours.example", "", {}, "2001:db8::1")).toContain("E450 4.7.25");
  });

  it("leaves alone postmaster, relay clients and logins, and passes all while DNS fails or is silent", async () => {
    expect(await askAs("adsl.isp.example")).toContain("550");
    expect(await scene.ask("postmaster@ours.example")).toBe("");
    expect(await scene.ask("vera@ours.example", "a@b.test", { RELAYCLIENT: "" })).toBe("");
    expect(await scene.ask("vera@ours.example", "a@b.test", { SMTPAUTHUSER: "vera" })).toBe("");
    scene.dns.behave("*", { rcode: "SERVFAIL" });
    expect(await start({ no_rdns: "temporary" }).ask()).toBe("");
    scene.dns.behave("*", { drop: true });
    expect(await start({ no_rdns: "temporary" }).ask()).toBe("");
  });
});
