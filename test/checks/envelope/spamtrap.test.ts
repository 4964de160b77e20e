/** spamtrap: what the next hop gets of a message to a trap, and who is not caught in one. */
import { afterEach, describe, expect, it } from "vitest";

import { faultyLines } from "../../../src/compose/list-warnings.ts";
import { schemaFor } from "../../../src/compose/settings.ts";
import { checkConfig } from "../../../src/config/load.ts";
import { startNextHop } from "../../fakes/next-hop.ts";
import type { NextHop } from "../../fakes/next-hop.ts";
import { closeScenes, hello, scene, send } from "../../relay/scene.ts";

const accepted = "250 2.1.5 Recipient OK";
const [vera, honey] = ["vera@kontor.example", "honey@kontor.example"];
const hops: NextHop[] = [];
afterEach(async () => {
  await closeScenes();
  for (const hop of hops.splice(0)) {
    await hop.close();
  }
});

const options = { files: { spamtraps: "honey@kontor.example\ntraps.example\n@@\n" }, snapshot: ["vera"] };
const config = (more = "", run = '"spamtrap", "goodmailto"', target = "collector@kontor.example"): string =>
  `[checks]\nrun = [${run}]\n[checks.spamtrap]\nfile = "{folder}/spamtraps"\ntarget = "${target}"\n${more}\n`;
const told = (hop: NextHop): string[] =>
  hop.commands.flat().flatMap((line) => /^(?:MAIL|RCPT TO:<.*?>|RSET|DATA)/.exec(line) ?? []);
const got = (hop: NextHop) => hop.received.map(({ recipients }) => recipients);

describe("a message to a trap", () => {
  it("makes the next hop forget the others before DATA", async () => {
    const { relay, hop } = await scene({}, config(), options);
    const client = await hello(relay);
    expect((await send(client, [vera, honey])).at(-1)).toMatch(/^250/);
    expect(told(hop)).toEqual([
      "MAIL",
      `RCPT TO:<${vera}>`,
      "RCPT TO:<collector@kontor.example>",
      "RSET",
      "MAIL",
      "RCPT TO:<collector@kontor.example>",
      "DATA",
    ]);
    expect(hop.received[0]?.message.toString()).toMatch(/^X-Spamtrap: honey@kontor\.example\r$/m);
    expect(hop.violations).toEqual([]);
    expect(relay.log.join("\n")).toMatch(/spamtrap: line left out .*spamtraps:3: can never match/);
    client.close();
  });

  it("needs no second transaction where all its recipients are traps", async () => {
    const { relay, hop } = await scene(
      {},
      `[domains]\nrelay = ["kontor.example", "traps.example"]\n${config()}`,
      options,
    );
    const client = await hello(relay);
    expect(await send(client, ["any.name@traps.example"])).toMatchObject([accepted, {}, expect.stringMatching(/^250/)]);
    expect(told(hop)).toEqual(["MAIL", "RCPT TO:<collector@kontor.example>", "DATA"]);
    client.close();
  });

  it("is not seen by checks of content, which see the next one", async () => {
    const { relay, hop } = await scene({}, config("", '"spamtrap", "loop"'), options);
    const client = await hello(relay);
    const loop = "Received: from a by b\r\n".repeat(101);
    expect((await send(client, [honey], `${loop}Subject: x\r\n\r\nx`)).at(-1)).toMatch(/^250/);
    expect((await send(client, [vera], `${loop}Subject: x\r\n\r\nx`)).at(-1)).toMatch(/^554/);
    expect(got(hop)).toEqual([["collector@kontor.example"]]);
    client.close();
  });

  it("is answered at DATA as the next hop answers for the collector", async () => {
    const { relay, hop } = await scene(
      { recipients: { "collector@kontor.example": "450 4.2.2 Full" } },
      config(),
      options,
    );
    const client = await hello(relay);
    expect(await send(client, [vera, honey])).toEqual([accepted, "450 4.2.2 Full", "450 4.2.2 Full"]);
    expect(got(hop)).toEqual([]);
    client.close();
  });

  it("goes to another next hop where the collector is there", async () => {
    const other = await startNextHop();
    hops.push(other);
    const route = `[domains]\nrelay = ["kontor.example", "traps.example"]\n[[route]]\ndomain = "traps.example"\nnext_hop = "smtp://127.0.0.1:${other.port}"\n`;
    const { relay, hop } = await scene({}, `${route}${config("", undefined, "c@traps.example")}`, options);
    const client = await hello(relay);
    const replies = await send(client, [vera, honey]);
    expect(replies[1]).toMatch(/^452 4\.5\.3/);
    expect(replies.at(-1)).toMatch(/^250/);
    expect([got(hop), got(other)]).toEqual([[], [["c@traps.example"]]]);
    await hop.until(() => told(hop).includes("RSET"));
    expect(told(hop)).toEqual(["MAIL", `RCPT TO:<${vera}>`, "RSET"]);
    client.close();
  });

  it('is delivered to the others, too, with others = "deliver"', async () => {
    const { relay, hop } = await scene({}, config('others = "deliver"'), options);
    const client = await hello(relay);
    await send(client, [vera, honey]);
    expect(got(hop)).toEqual([[vera, "collector@kontor.example"]]);
    expect(hop.received[0]?.message.toString()).not.toContain("X-Spamtrap");
    client.close();
  });

  it.each([
    ["in mode observe", config('mode = "observe"')],
    ["without a target", config("", undefined, "")],
    ["with a target outside of the relay domains", config("", undefined, "c@far.example")],
  ])("is none %s", async (_, text) => {
    const { relay, hop } = await scene({}, text, options);
    const client = await hello(relay);
    expect((await send(client, [honey, vera]))[0]).toMatch(/^550 5\.1\.1/);
    expect(got(hop)).toEqual([[vera]]);
    expect(relay.log.join("\n").includes("the check does nothing")).toBe(text.includes("c@far.example"));
    expect(relay.log.join("\n")).not.toContain("message goes to the target");
    client.close();
  });

  it("has its target judged by `config check`, too", () => {
    const loaded = checkConfig(
      '[domains]\nrelay = ["kontor.example"]\n[checks]\nrun = ["spamtrap"]\n[checks.spamtrap]\ntarget = "c@far.example"\n',
      "c.toml",
      schemaFor,
      [],
    );
    const warnings = loaded.kind === "ok" ? faultyLines(loaded.settings) : [];
    expect(warnings.map(({ message }) => message)).toEqual([
      'target is outside the relay domains, the check does nothing: "c@far.example"',
    ]);
  });

  it("is no way out: a listed domain that is not ours is refused as ever", async () => {
    const { relay, hop } = await scene({}, config(), options);
    const client = await hello(relay);
    expect((await send(client, ["x@traps.example"]))[0]).toBe("550 5.7.1 Relaying denied");
    expect(told(hop)).toEqual([]);
    client.close();
  });

  it("is none from relay clients", async () => {
    const { relay, hop } = await scene({}, `${config()}[clients]\nrules = "rules"\n`, {
      ...options,
      snapshot: ["vera", "honey"],
      files: { ...options.files, rules: '127.:allow,RELAYCLIENT=""\n' },
    });
    const client = await hello(relay);
    await send(client, [vera, honey]);
    expect(got(hop)).toEqual([[vera, honey]]);
    client.close();
  });
});
