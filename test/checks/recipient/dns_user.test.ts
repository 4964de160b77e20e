/** dns_user against a name server on loopback. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { dns_user } from "../../../src/checks/recipient/dns_user.ts";
import { resolverOf } from "../../dns/resolver-of.ts";
import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import { ListScene } from "../list-scene.ts";

describe("dns_user", () => {
  let dns: FakeDns;
  let scene: ListScene;
  beforeEach(async () => {
    dns = await startDns();
    scene = new ListScene();
    dns.add("vera.ours.example.users.test", "A", "127.0.0.2");
  });
  afterEach(async () => {
    scene.close();
    await dns.close();
  });
  const start = (values = {}) =>
    scene.start(
      dns_user,
      { zone: "users.test", ...values },
      { dns: resolverOf([dns.server], { timeout: 300 }, scene.log, scene.clock.now) },
    );
  const ask = (to: string, variables = {}, from = "a@far.test") => scene.ask({ to, variables, from });

  it("passes who has an A record, at alias domains and behind a signature too, and refuses others as unknown", async () => {
    start();
    for (const to of ["VERA@ours.example", "vera@alias.example", "prvs=0123456789=vera@ours.example"]) {
      expect(await ask(to)).toBe("");
    }
    expect(await ask("nobody@ours.example")).toMatch(/^E550 5\.1\.1 /);
    expect(await ask("nobody@ours.example", {}, "")).toMatch(/^E550 5\.1\.1 /);
    expect(await ask("nobody@ours.example", { RELAYCLIENT: "" })).toBe("");
    expect(await ask("nobody@ours.example", { NOGOODMAILTO: "" })).toBe("");
  });

  it("writes odd user parts as octets, and passes what fits into no name", async () => {
    start();
    dns.add("a=2bb=2ec.ours.example.users.test", "A", "127.0.0.2");
    dns.add("a=2bb.=2ec.ours.example.users.test", "A", "127.0.0.2");
    expect(await ask('"a+b..c"@ours.example')).toBe("");
    expect(await ask("a+c@ours.example")).toContain("550");
    expect(dns.count("a=2bc.ours.example.users.test")).toBe(1);
    expect(await ask(`${"x".repeat(64)}@ours.example`)).toBe("");
  });

  it("asks by hash", async () => {
    start({ form: "hash" });
    // printf vera@ours.example | sha256sum, its first 20 octets in base32
    dns.add("rajx56krvdchz2z74l4hmxj2l4odd2kn.users.test", "A", "127.0.0.2");
    expect(await ask("Vera@ours.example")).toBe("");
    expect(await ask("otto@ours.example")).toContain("550");
  });

  it("passes everybody while DNS fails or is silent, and without a zone", async () => {
    dns.behave("*", { rcode: "SERVFAIL" });
    expect(await start().ask({ to: "nobody@ours.example" })).toBe("");
    dns.behave("*", { drop: true });
    expect(await start().ask({ to: "nobody@ours.example" })).toBe("");
    expect(await start({ zone: "" }).ask({ to: "nobody@ours.example" })).toBe("");
  });
});
