/** The examples of docs/plugins.md and of config/spp do what is said of them. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { loadCheck } from "../../src/compose/outside-checks.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf } from "../hooks/steps.ts";
import { parsePlugins } from "../../src/spp/config.ts";
import { Scene, wordsOf } from "./scene.ts";

const root = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/plugins.md", root), "utf8");

/** The code block of a language that holds a text. */
function block(language: string, text: string): string {
  const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  const found = blocks.find(([, name, body]) => name === language && body?.includes(text));
  expect(found, `a block with ${text}`).toBeDefined();
  return found?.[2] ?? "";
}

describe("docs/plugins.md", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.remove());

  it("has a plugin that works", async () => {
    scene.plugin("notonsunday", block("sh", "Lists rest"));
    scene.config(block("", "plugins/notonsunday\n"));
    const today = String(((new Date().getDay() + 6) % 7) + 1);
    const client = await scene.greeted({ SUNDAY: today });
    await scene.mail(client, "x-bounces@lists.test");
    expect(await scene.rcpt(client, "a@good.test")).toBe("450 4.7.1 Lists rest on Sundays, try again");
    // What it says to the log may come after its answer.
    await expect.poll(() => scene.logged.map(({ event }) => event)).toContain("deferred <a@good.test>");
    await scene.mail(client, "x@lists.test");
    expect(await scene.rcpt(client, "a@good.test")).toBe("pass");
  });

  it("has a plugins file that is read in full", () => {
    const sections = parsePlugins(block("", ":plugins/rbl"));
    expect(Object.values(sections).map((plugins) => plugins.length)).toEqual([1, 1, 2, 1, 1, 1]);
  });

  it("has a check that works", async () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-docs-"));
    const file = join(folder, "ownname.ts");
    writeFileSync(file, block("ts", "export const ownname"));
    const ownname = loadCheck(file);
    rmSync(folder, { recursive: true });
    const services = servicesFor();
    const run = ownname.create(settingsOf(ownname, { names: ["mx.ours.test"] }), services);
    const { session } = scene.client({ SMTPHELOHOST: "MX.ours.test" });
    expect(wordsOf((await run.helo?.(session)) ?? { kind: "drop" })).toBe("550 5.7.1 That is not your name");
    session.variables.set("SMTPHELOHOST", "client.test");
    expect(await run.helo?.(session)).toEqual({ kind: "pass" });
  });
});

describe("config/spp", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
    mkdirSync(join(scene.home, "spp"));
    for (const name of ["redirect", "badhelo"]) {
      copyFileSync(new URL(`config/spp/${name}`, root), join(scene.home, "spp", name));
      chmodSync(join(scene.home, "spp", name), 0o755);
    }
  });
  afterEach(() => scene.remove());

  it("redirects mail of listed senders, marks and logs it, and leaves others alone", async () => {
    writeFileSync(join(scene.home, "control/spammers"), "x@spam.test\n.*@other.test\n");
    scene.config("[rcpt]\n:spp/redirect control/spammers spam@myhost.com\n:echo 'E550 later plugin'\n");
    const client = await scene.greeted();
    await scene.mail(client, "X@Spam.test");
    expect(await scene.rcpt(client, "a@good.test")).toBe("accept-session");
    expect(client.session.recipient?.raw).toBe("spam@myhost.com");
    expect(client.session.headers).toEqual(["X-Spam-Flag: YES"]);
    await expect.poll(() => scene.logged.map(({ event }) => event)).toContain("redirected spam from <X@Spam.test>");
    for (const sender of ["y@spam.test", "a@other.test", "", "-e@spam.test"]) {
      const other = await scene.greeted();
      await scene.mail(other, sender);
      expect(await scene.rcpt(other, "a@good.test")).toBe("550 later plugin");
    }
  });

  it("refuses a bad HELO name", async () => {
    scene.config("[helo]\n:spp/badhelo example.com spammers.com\n");
    expect(await scene.ask(await scene.greeted({ SMTPHELOHOST: "Spammers.COM" }), "helo")).toBe(
      "550 5.7.1 That is not your name",
    );
    expect(await scene.ask(await scene.greeted({ SMTPHELOHOST: "mail.example.com" }), "helo")).toBe("pass");
  });
});
