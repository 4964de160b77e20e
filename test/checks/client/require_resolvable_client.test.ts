/** require_resolvable_client against a name server on loopback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { require_resolvable_client } from "../../../src/checks/client/require_resolvable_client.ts";
import { schemaFor } from "../../../src/compose/settings.ts";
import { checkConfig } from "../../../src/config/load.ts";
import { EarlyScene } from "../lists/early-scene.ts";

const unnamed = "E450 4.7.25 Client host name cannot be found";

describe("require_resolvable_client", () => {
  let scene: EarlyScene;
  beforeEach(async () => {
    scene = await EarlyScene.open();
  });
  afterEach(() => scene.close());
  const start = (values: Readonly<Record<string, unknown>> = {}) => scene.start([require_resolvable_client, values]);

  it("refuses a client without a name, but not what is for postmaster", async () => {
    expect(await start().ask()).toBe(unnamed);
    expect(await scene.ask("postmaster@ours.example")).toBe("");
    expect(await scene.ask("vera@ours.example", "")).toBe(unnamed);
    expect(await start({ permanent: true }).ask()).toBe("E550 5.7.25 Client host name cannot be found");
  });

  it("refuses in place of the greeting where it is told so", async () => {
    const told = "Client host name cannot be found";
    expect(await start({ at: "connection" }).ask()).toBe(`connection E421 4.7.25 ${told}`);
    expect(await start({ at: "connection", permanent: true }).ask()).toBe(`connection E554 5.7.25 ${told}`);
    scene.dns.behave("*", { rcode: "SERVFAIL" });
    expect(await start({ at: "connection" }).ask()).toBe("");
  });

  it("wants a name that leads back to the address, unless told otherwise", async () => {
    scene.dns.add("7.2.0.192.in-addr.arpa", "PTR", "mail.far.test");
    expect(await start().ask()).toBe(unnamed);
    expect(await start({ forward: false }).ask()).toBe("");
    scene.dns.add("mail.far.test", "A", "192.0.2.7");
    expect(await start().ask()).toBe("");
  });

  it("leaves alone listed clients, relay clients and logins, and passes all while DNS fails or is silent", async () => {
    const exempt = scene.lists.write("192.0.2.0/24\n").file;
    expect(await start({ exempt }).ask()).toBe("");
    expect(await scene.ask("vera@ours.example", "a@b.test", {}, "2001:db8::1")).toBe(unnamed);
    expect(await start().ask("vera@ours.example", "a@b.test", { RELAYCLIENT: "" })).toBe("");
    expect(await scene.ask("vera@ours.example", "a@b.test", { SMTPAUTHUSER: "vera" })).toBe("");
    scene.dns.behave("*", { rcode: "SERVFAIL" });
    expect(await start().ask()).toBe("");
    scene.dns.behave("*", { drop: true });
    expect(await start().ask()).toBe("");
  });

  it("cannot ask for the options of recipients when a client connects", () => {
    const faultsOf = (values: string): string[] => {
      const loaded = checkConfig(`[checks.require_resolvable_client]\n${values}`, "/c.toml", schemaFor, []);
      const faults = loaded.kind === "faults" ? loaded.faults : [];
      return faults
        .filter(({ key }) => key.startsWith("checks"))
        .map(({ line, key, message }) => `${line} ${key} ${message}`);
    };
    expect(faultsOf('at = "connection"\nper_recipient = true\n')).toEqual([
      '3 checks.require_resolvable_client.per_recipient needs at = "rcpt": at connection there is no recipient yet',
    ]);
    expect(faultsOf("per_recipient = true\n")).toEqual([]);
  });
});
