/** Checks that change where a message goes, in a real relay: streamed or held, and never past the relay domains. */
import { afterEach, describe, expect, it } from "vitest";

import { closeScenes, hello, scene, send } from "../relay/scene.ts";

afterEach(closeScenes);

/** A check that applies an effect, and one that has each message held. */
const check = (
  hook: "rcpt" | "data",
  effect: string,
): string => `import { defineCheck, parseMailbox, pass } from "goodmailto/check";
const box = (text: string) => parseMailbox(text) as never;
export const turn = defineCheck({
  name: "turn",
  doc: "For a test.",
  stage: "policy",
  hooks: ["${hook}"],
  settings: {},
  reasons: {},
  create: () => ({ ${hook}(session) { session.apply(${effect}); return pass; } }),
});
`;
const hold = `import { defineCheck, pass } from "goodmailto/check";
export const hold = defineCheck({
  name: "hold",
  doc: "For a test.",
  stage: "policy",
  hooks: ["message"],
  settings: {},
  reasons: {},
  needs: "whole",
  create: () => ({ message: () => pass }),
});
`;
const expand = (...to: string[]): string =>
  check("rcpt", `{ kind: "expand", mailboxes: [${to.map((one) => `box("${one}")`).join(", ")}] }`);
const redirect = (to: string): string =>
  check("data", `{ kind: "redirect", mailboxes: [box("${to}")], header: "X-Turned: yes" }`);
const start = (code: string, run = '"turn"', recipients = {}, rules = "") =>
  scene({ recipients }, `[checks]\nload = ["turn.ts", "hold.ts"]\nrun = [${run}]\n${rules}`, {
    files: { "turn.ts": code, "hold.ts": hold, rules: '127.:allow,RELAYCLIENT=""\n' },
  });

describe.each([
  ["streamed", '"turn"'],
  ["held", '"turn", "hold"'],
])("a %s message", (_, run) => {
  it("goes to all that its recipient was expanded to", async () => {
    const { relay, hop } = await start(expand("a@kontor.example", "b@kontor.example"), run);
    const client = await hello(relay);
    expect((await send(client, ["x@kontor.example"])).at(-1)).toMatch(/^250/);
    expect(hop.received[0]?.recipients).toEqual(["a@kontor.example", "b@kontor.example"]);
    expect(hop.received[0]?.message.toString()).not.toContain(" for <");
    client.close();
  });

  it("goes where it was redirected to, with the header line that came with that, once", async () => {
    const { relay, hop } = await start(redirect("a@kontor.example"), run);
    const client = await hello(relay);
    for (const nth of [0, 1]) {
      expect((await send(client, ["x@kontor.example", "y@kontor.example"])).at(-1)).toMatch(/^250/);
      expect(hop.received[nth]?.recipients).toEqual(["a@kontor.example"]);
      expect(hop.received[nth]?.message.toString().match(/^X-Turned: yes\r$/gm)).toHaveLength(1);
    }
    expect(hop.violations).toEqual([]);
    client.close();
  });

  it("is answered as the next hop answers those to whom it was redirected, and goes to nobody", async () => {
    const { relay, hop } = await start(redirect("a@kontor.example"), run, { "a@kontor.example": "550 5.2.1 Gone" });
    const client = await hello(relay);
    expect((await send(client, ["x@kontor.example"])).at(-1)).toBe("550 5.2.1 Gone");
    expect(hop.received).toEqual([]);
    client.close();
  });

  it("goes to no foreign domain by either way, nor by another address", async () => {
    const address = check("rcpt", '{ kind: "address", mailbox: box("a@foreign.example") }');
    const out = [expand("a@kontor.example", "b@foreign.example"), expand("b%foreign.example@kontor.example"), address];
    for (const code of out) {
      const { relay, hop } = await start(code, run);
      const client = await hello(relay);
      const replies = await send(client, ["x@kontor.example"]);
      // The directory is missing: a route in the user part is refused anyway.
      expect(replies).toEqual(["550 5.7.1 Relaying denied", "554 5.5.1 No valid recipients"]);
      expect(hop.commands.flat().filter((line) => line.startsWith("RCPT"))).toEqual([]);
      client.close();
    }
    const { relay, hop } = await start(redirect("a@foreign.example"), run);
    const client = await hello(relay);
    expect((await send(client, ["x@kontor.example"])).at(-1)).toBe("550 5.7.1 Relaying denied");
    expect(hop.received).toEqual([]);
    expect(hop.commands.flat().join()).not.toContain("foreign.example");
    expect(relay.log.join("\n")).toMatch(/a check sends it elsewhere .*relaying denied: <a@foreign\.example>/);
    client.close();
  });

  it("of a relay client goes there", async () => {
    const { relay, hop } = await start(redirect("a@foreign.example"), run, {}, '[clients]\nrules = "rules"\n');
    const client = await hello(relay);
    expect((await send(client, ["x@kontor.example"])).at(-1)).toMatch(/^250/);
    expect(hop.received[0]?.recipients).toEqual(["a@foreign.example"]);
    client.close();
  });
});
