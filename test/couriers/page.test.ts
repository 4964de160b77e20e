/** docs/couriers.md: it names every courier, its examples are configurations, and its script does what it says. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { couriers } from "../../src/couriers/registry.ts";
import { settingsOf } from "../fakes/relay.ts";
import { hello, send } from "../relay/scene.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

afterEach(closePlaces);

const page = readFileSync(join(import.meta.dirname, "../../docs/couriers.md"), "utf8");
const blocks = (kind: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\``, "gms"))].map(([, block]) => block ?? "");

describe("docs/couriers.md", () => {
  it("has a row for every courier", () => {
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    const schemes = rows.flatMap((row) => [...row.matchAll(/`([a-z]+)(?::[^`]*)?`/g)].map(([, scheme]) => scheme));
    expect(couriers.map(({ name }) => name).filter((name) => !schemes.includes(name))).toEqual([]);
  });

  it("has examples without errors", () => {
    const examples = blocks("toml");
    expect(examples.length).toBeGreaterThan(3);
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-page-"));
    try {
      ["tickets.password", "inside-ca.pem"].forEach((name) => writeFileSync(join(folder, name), ""));
      expect(settingsOf(examples.join("\n"), folder).route.length).toBeGreaterThan(4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("has a script that gives messages to ZMailer's spool, whole", async () => {
    const [script = ""] = blocks("sh").filter((block) => block.includes("zmailer-submit"));
    const text = script.replace("/var/spool/postoffice", "{folder}/spool");
    const { relay } = await placeScene('next_hop = "pipe:"\ncommand = ["{folder}/submit", "{from}", "{to}"]', {
      files: { submit: { text, mode: 0o755 } },
    });
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toMatch(/^451 4\.3\.0 /);
    ["public", "router"].forEach((name) => mkdirSync(join(relay.folder, "spool", name), { recursive: true }));
    const replies = await send(client, ["a@kontor.example", "b@kontor.example"], "Subject: x\r\n\r\n..dot");
    expect(replies.at(-1)).toBe("250 2.0.0 Delivered");
    expect(readdirSync(join(relay.folder, "spool/public"))).toEqual([]);
    const [name = ""] = readdirSync(join(relay.folder, "spool/router"));
    expect(readFileSync(join(relay.folder, "spool/router", name), "latin1")).toMatch(
      /^external\nfrom <s@sender\.example>\nto <a@kontor\.example>\nto <b@kontor\.example>\nenv-end\nReceived: [^]*\nSubject: x\n\n\.dot\n$/,
    );
    client.close();
  });
});
