/**
 * Messages of every shape through each check of the registry that sees messages, with the lists of its example: refused for
 * a reason of the check's own, or passed on as they came but for what the check adds. What asks services is in
 * test/checks/scanners/faults.test.ts and test/checks/programs/milter.test.ts.
 */
import { afterEach, describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { exampleOf } from "../../src/compose/check-examples.ts";
import { makeKey } from "../../src/dkim/signing-key.ts";
import { belowTrace, withoutFields } from "../fakes/header-fields.ts";
import { asPassedOn, shapes, wireOf } from "../fakes/messages.ts";
import { MailScene } from "./scanners/mail-scene.ts";
import { variants } from "./scanners/variants.ts";

/** What a check needs beside its example. */
interface Setup {
  readonly section?: string;
  readonly config?: string;
  readonly files?: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>>;
  /** Fields that it adds. */
  readonly owns?: RegExp;
  /** One that a message of some shape must have got. */
  readonly adds?: RegExp;
  /** Why some shape must have been refused. */
  readonly refuses?: string;
}

const nothing = /^(?!)/;

const setups: Readonly<Record<string, Setup>> = {
  // Nobody answers: every result is one, of each shape.
  authentication: {
    section: 'timeout = "50ms"',
    config: '[dns]\nservers = ["127.0.0.1:9"]\ntimeout = "50ms"',
    owns: /^authentication-results$/i,
    adds: /^Authentication-Results: mx\.kontor\.example;/m,
  },
  badsubject: { files: { badsubject: "*hello*\n" } },
  basicheaders: { refuses: "From" },
  charset: { section: 'parts = "all"', files: { charset: "unknown-8bit DENY No\nus-ascii DENYSOFT Later\n" } },
  content_types: { files: { content_types: "text/html DENY No\n" } },
  dkimsign: {
    section: `[[checks.dkimsign.key]]\ndomain = "far.example"\nselector = "s"\nkey_file = "key.pem"`,
    config: '[clients]\nrules = "{folder}/rules"',
    files: { rules: ':allow,RELAYCLIENT=""\n', "key.pem": { text: makeKey("ed25519"), mode: 0o600 } },
    owns: /^dkim-signature$/i,
    adds: /^DKIM-Signature: /m,
  },
};

/** A milter has tests of its own: it is asked long before the message. */
const asking = new Set([...Object.values(variants).map(({ check }) => check), "milter"]);
const quiet = checks.filter(
  ({ name, hooks }) => !asking.has(name) && hooks.some((hook) => hook === "header" || hook === "message"),
);

let scene: MailScene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

describe.each(quiet.map(({ name }) => [name, setups[name] ?? {}] as const))("%s", (name, setup) => {
  it("passes every shape of message on as it came, or refuses it", async () => {
    const { section = "", config = "", files = {}, owns = nothing, adds, refuses } = setup;
    const lists = Object.fromEntries(
      Object.entries(exampleOf(name).files ?? {}).map(([file, text]) => [file, `${text}\n`]),
    );
    scene = await MailScene.start(
      { [name]: section },
      { files: { ...lists, ...files }, config: `[control]\nfolders = ["{folder}"]\n${config}` },
    );
    const { hop, relay } = scene;
    const replies: string[] = [];
    for (const [shape, make] of Object.entries(shapes)) {
      const before = hop.received.length;
      const content = make("id");
      const reply = (await scene.send([wireOf(content)])) ?? "closed";
      replies.push(reply);
      expect([shape, reply]).toEqual([shape, expect.stringMatching(/^(?:250|45[0-9]|55[0-9]) /)]);
      expect(hop.received, shape).toHaveLength(before + (reply.startsWith("250") ? 1 : 0));
      if (reply.startsWith("250")) {
        const got = belowTrace(hop.received.at(-1)?.message ?? Buffer.alloc(0));
        expect(withoutFields(got, owns), shape).toEqual(withoutFields(asPassedOn(content), owns));
      }
    }
    expect(hop.violations).toEqual([]);
    expect(relay.metrics.totals()[`check_faults{check="${name}"}`] ?? 0, relay.log.join("\n")).toBe(0);
    expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
    const all = hop.received.map(({ message }) => belowTrace(message)).join("");
    expect(all).toMatch(adds ?? /^/);
    expect(replies.join("\n")).toContain(refuses ?? "");
  }, 60_000);
});

it("leaves no check out that sees messages", () => {
  expect(quiet.length + asking.size).toBeGreaterThan(12);
  const named = new Set(checks.map(({ name }) => name));
  expect([...Object.keys(setups), ...asking].filter((name) => !named.has(name))).toEqual([]);
});
