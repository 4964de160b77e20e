/** The examples of `goodmailto checks NAME` are true: each is a relay that says what is written there. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { exampleOf, examples } from "../../src/compose/check-examples.ts";
import { Scene } from "../end-to-end/scene.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

describe("goodmailto checks NAME", () => {
  let hop: NextHop;
  beforeAll(async () => {
    hop = await startNextHop({});
  });
  afterAll(() => hop.close());

  it("prints the check with an example", async () => {
    const scene = new Scene();
    try {
      const { code, stdout } = await scene.call("checks", "badrcptto");
      expect(code).toBe(0);
      expect(stdout).toMatch(/ {2}example:\n {4}\[checks\]\n {4}run = \["badrcptto", "goodmailto"\]\n/);
      expect(stdout).toContain("    # control/badrcptto\n    gone@kontor.example\n");
      expect(stdout).toContain("    S: 550 5.1.1 has left us\n");
    } finally {
      await scene.close();
    }
  });

  it("has examples for checks that there are", () => {
    const names = new Set(checks.map(({ name }) => name));
    expect(Object.keys(examples).filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(checks.map(({ name }) => name))("is true of %s", async (name) => {
    const { toml, files = {}, dialogue = [] } = exampleOf(name);
    const relay = await startTestRelay({
      config: `${toml}\n[control]\nfolders = ["{folder}"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`,
      files: Object.fromEntries(Object.entries(files).map(([file, lines]) => [file, `${lines}\n`])),
      snapshot: ["vera", "info", "gone"],
    });
    const client = await SmtpClient.open(relay.port);
    try {
      await client.reply();
      let reply = "";
      for (const line of before(dialogue)) {
        if (line.startsWith("C: ")) {
          reply = (await client.command(line.slice(3))) ?? "closed";
        } else {
          expect(reply).toBe(line.slice(3));
        }
      }
      // No line of the list is left out.
      expect(relay.log.filter((line) => line.includes("line left out"))).toEqual([]);
    } finally {
      client.close();
      await relay.stop();
    }
  });
});

/** With the commands that everybody gives. */
function before(dialogue: readonly string[]): string[] {
  const has = (verb: string): boolean => dialogue.some((line) => line.startsWith(`C: ${verb}`));
  const needs = dialogue.length > 0 && !has("EHLO");
  const mail = needs && !has("MAIL") ? ["C: MAIL FROM:<someone@sender.example>"] : [];
  return [...(needs ? ["C: EHLO client.example"] : []), ...mail, ...dialogue];
}
