/** filter: a real bogofilter, and programs that fail in every way. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing } from "../../fakes/need.ts";
import { largeMessage, MailScene } from "./mail-scene.ts";

let scene: MailScene | undefined;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-filter-"));
});
afterEach(async () => {
  await scene?.close();
  scene = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const mail = "From: a@far.example\r\nX-Mark: forged\r\nSubject: x\r\n\r\nHello\r\n..dot\r\n";
const content = mail.replace("..dot", ".dot");

/** A relay with a shell script as the filter. */
async function start(script: string, more = "", timeout = "10s"): Promise<MailScene> {
  await scene?.close();
  scene = await MailScene.start(
    { filter: `command = ["{folder}/filter"]\nheaders = ["X-Mark"]\ntimeout = "${timeout}"\n${more}` },
    { files: { filter: { text: `#!/bin/sh\n${script}\n`, mode: 0o755 } } },
  );
  return scene;
}

describe.skipIf(missing("bogofilter"))("filter with a real bogofilter", () => {
  it("adds what it learned, in place of what the sender says", async () => {
    const learn = (kind: "-s" | "-n", text: string): void => {
      const { status } = spawnSync("bogofilter", ["-d", folder, kind], { input: `Subject: ${text}\n\n${text}\n` });
      expect(status).toBe(0);
    };
    for (let i = 0; i < 5; i++) {
      learn("-s", `cheap pills casino lottery winner ${i}`);
      learn("-n", `project meeting agenda minutes budget ${i}`);
    }
    scene = await MailScene.start({ filter: `command = ["bogofilter", "-p", "-e", "-d", "${folder}"]` });
    const forged = "X-Bogosity: Ham, I swear\r\n";
    const spam = "Subject: cheap pills\r\n\r\ncasino lottery winner\r\n";
    const ham = "Subject: project meeting\r\n\r\nagenda minutes budget\r\n";
    expect(await scene.send(forged + spam)).toMatch(/^250/);
    expect(await scene.send(ham)).toMatch(/^250/);
    expect(scene.delivered(1)).toMatch(
      /^X-Bogosity: Spam, [^\r]*\r\nSubject: cheap pills\r\n\r\ncasino lottery winner\r\n$/,
    );
    expect(scene.delivered(2)).toMatch(/^X-Bogosity: Ham, [^\r]*\r\nSubject: project meeting\r\n\r\n/);
  }, 30_000);
});

describe("filter", () => {
  it("takes the named fields alone, or all of the message", async () => {
    const script = "echo 'X-Mark: good'; echo 'X-Other: no'; sed 's/Hello/Bye/'";
    const fields = await start(script);
    expect(await fields.send(mail)).toMatch(/^250/);
    const rest = content.replace("X-Mark: forged\r\n", "");
    // Both come out of the program: it lets the sender's field through.
    expect(fields.delivered()).toBe(`X-Mark: good\r\nX-Mark: forged\r\n${rest}`);
    const all = await start(script, 'take = "message"');
    expect(await all.send(mail)).toMatch(/^250/);
    expect(all.delivered()).toBe(`X-Mark: good\r\nX-Other: no\r\n${content.replace("Hello", "Bye")}`);
  });

  it("refuses and defers by exit code", async () => {
    expect(await (await start("exit 99")).send(mail)).toBe("554 5.7.1 Message refused");
    expect(await (await start("exit 75")).send(mail)).toBe("451 4.3.0 Message cannot be accepted now; try again later");
    expect(await (await start("exit 7", 'refuse_exits = ["7"]')).send(mail)).toMatch(/^554/);
  });

  it("that exits 1, prints half, nothing or without end, hangs, crashes or is missing leaves the message as it is", async () => {
    for (const take of ["headers", "message"]) {
      for (const script of [
        "cat; exit 1",
        "echo 'X-Mark: good'; echo From: half",
        "echo 'X-Mark: good'; echo; printf 'half a li'",
        "cat >/dev/null",
        "yes",
        "cat; sleep 30",
        "kill -SEGV $$",
      ]) {
        const one = await start(
          script,
          `take = "${take}"\nmax_size = "100KB"`,
          script.includes("sleep") ? "500ms" : "10s",
        );
        expect([script, await one.send(mail)]).toEqual([script, expect.stringMatching(/^250/)]);
        expect(one.delivered()).toBe(content);
        expect(one.log).toMatch(/filter: (?:no answer|no use)/);
      }
    }
    const deferring = await start("exit 1", 'on_error = "defer"');
    expect(await deferring.send(mail)).toBe("451 4.3.0 Message cannot be filtered");
    const gone = await start("exit 0", 'on_error = "refuse"');
    rmSync(join(gone.relay.folder, "filter"));
    expect(await gone.send(mail)).toBe("554 5.3.0 Message cannot be filtered");
  }, 60_000);

  it("takes a message apart only where it can be put together, and asks about none that is too large", async () => {
    const odd = await start("echo 'no field'; echo; cat", 'take = "message"');
    expect(await odd.send(mail)).toMatch(/^250/);
    expect(odd.delivered()).toBe(content);
    expect(odd.log).toContain("lines that are not header fields");
    const small = await start("exit 99", 'max_size = "100KB"');
    expect(await small.send(largeMessage(200_000))).toMatch(/^250/);
  });
});
