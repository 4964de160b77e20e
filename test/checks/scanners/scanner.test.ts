/** scanner: each preset beside a small program that prints what the product printed, clamscan beside itself. */
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { settingsOf as relaySettings } from "../../fakes/relay.ts";
import { eicar, eicarName, makeSignatures } from "../../fakes/clamd.ts";
import { missing } from "../../fakes/need.ts";
import { MailScene, withPart } from "./mail-scene.ts";
import { productScript } from "./products.ts";
import type { Product } from "./products.ts";

let scene: MailScene | undefined;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-scanner-"));
});
afterEach(async () => {
  await scene?.close();
  scene = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** A relay with one preset whose command is the small program. */
async function start(preset: Product, more = "", files: Readonly<Record<string, string>> = {}): Promise<MailScene> {
  await scene?.close();
  const lines = [`preset = "${preset}"`, `command = ["{folder}/product", "-x", "%f"]`, more];
  const control = `[control]\nfolders = ["{folder}"]\n[limits]\nspool_folder = "${folder}"`;
  scene = await MailScene.start(
    { scanner: lines.join("\n") },
    { config: control, files: { product: productScript(preset), ...files } },
  );
  return scene;
}

const text = (line: string): string => `From: a@far.example\r\nSubject: x\r\n\r\n${line}\r\n`;
const part = (line: string): string => withPart(line).replace("Hello", line);
const ok = /^250/;
const unable = "Unable to scan for viruses";

describe("scanner by the presets of qpsmtpd's plugins", () => {
  it("aveclient: refuses 2 3 4 6 8 with its report, marks clean messages, and has its text for other exit codes", async () => {
    const one = await start("aveclient", 'on_error = "refuse"');
    for (const code of [2, 3, 4, 6, 8]) {
      expect(await one.send(text(`VIRUS\r\nexit ${code}`))).toBe(
        "554 5.7.1 Virus found: REPORT: LINK EICAR-Test-File, LINK Worm.B",
      );
    }
    expect(await one.send(text("exit 7"))).toBe(
      "554 5.3.0 Unable to scan for virus, please contact admin of mx.kontor.example, if you feel this is an error!",
    );
    expect(one.log).toMatch(/scanner: cannot scan preset=aveclient why="exit code 7"/);
    expect(await one.send(text("clean"))).toMatch(ok);
    expect(one.delivered()).toMatch(/^X-Virus-Checked: Checked by Kaspersky on mx\.kontor\.example\r\n/);
    const open = await start("aveclient");
    expect(await open.send(text("exit 7"))).toMatch(ok);
  });

  it("bitdefender: refuses by name alone, multipart messages up to 128 KiB", async () => {
    const one = await start("bitdefender");
    expect(await one.send(part("VIRUS"))).toBe("554 5.7.1 Virus Found: EICAR-Test-File (not a virus)");
    expect(await one.send(text("VIRUS"))).toMatch(ok);
    expect(await one.send(part(`VIRUS${"\r\nx".repeat(50_000)}`))).toMatch(ok);
    expect(one.log).toContain("larger than 131072 bytes");
    expect(await one.send(part("exit 3"))).toMatch(ok);
  });

  it("hbedv: refuses names of hbedv_deny, all names where it is empty, and marks the others", async () => {
    const all = await start("hbedv");
    expect(await all.send(text("VIRUS"))).toBe("554 5.7.1 Virus found: Eicar-Test-Signature, Worm/Klez.H");
    expect(await all.send(text("VIRUS\r\nexit 2"))).toMatch(/^554/);
    expect(await all.send(text("clean"))).toMatch(ok);
    expect(all.delivered()).toMatch(/^X-H\+BEDV-Virus-Checked: Checked by H\+BEDV AntiVir on mx\.kontor\.example\r\n/);
    const some = await start("hbedv", "", { hbedv_deny: "worm/klez\\..\n(a+)+$\n" });
    expect(await some.send(text("VIRUS"))).toMatch(/^554/);
    const none = await start("hbedv", "", { hbedv_deny: "Worm\n" });
    expect(await none.send(text("VIRUS"))).toMatch(ok);
    expect(none.delivered()).toMatch(
      /^X-H\+BEDV-Virus-Found: Yes\r\nX-H\+BEDV-Virus-Details: Eicar-Test-Signature, Worm\/Klez\.H\r\nFrom/,
    );
  });

  it("kavscanner: marks, and copies to bcc_virusadmin", async () => {
    const one = await start("kavscanner", 'bcc_virusadmin = "bert@kontor.example"');
    expect(await one.send(`X-Virus-Checked: forged\r\n${text("VIRUS")}`)).toMatch(ok);
    expect(one.delivered()).toMatch(
      /^X-Virus-Found: Yes\r\nX-Virus-Details: infected by: EICAR-Test-File; suspicions: Type_Trojan\r\nFrom/,
    );
    expect(one.hop.received[0]?.recipients).toEqual(["anna@kontor.example", "bert@kontor.example"]);
    expect(await one.send(text("clean"))).toMatch(ok);
    expect(one.delivered(2)).toMatch(/^X-Virus-Checked: Checked by Kaspersky on mx\.kontor\.example\r\n/);
    expect(one.hop.received[1]?.recipients).toEqual(["anna@kontor.example"]);
    expect(await one.send(text("exit 7"))).toMatch(ok);
    const away = await start("kavscanner", 'bcc_virusadmin = "admin@elsewhere.example"');
    expect(await away.send(text("VIRUS"))).toMatch(ok);
    expect(away.delivered()).toMatch(/^X-Virus-Found: Yes/);
    expect(away.log).toContain("cannot copy to bcc_virusadmin");
  });

  it("uvscan: marks, refuses with action reject, archives with a password in any case; 2 6 8 15 pass", async () => {
    const one = await start("uvscan");
    expect(await one.send(part("VIRUS"))).toMatch(ok);
    expect(one.delivered()).toMatch(
      /^X-Virus-Found: Yes\r\nX-Virus-Details: the EICAR test file NOT a virus\.\r\nFrom/,
    );
    expect(await one.send(part("locked"))).toBe("554 5.7.1 We do not accept password-protected zip files!");
    expect(await one.send(part("clean"))).toMatch(ok);
    expect(one.delivered(2)).toMatch(/^X-Virus-Checked: Checked by McAfee uvscan on mx\.kontor\.example\r\n/);
    const refusing = await start("uvscan", 'action = "reject"\nmessages = "all"');
    expect(await refusing.send(text("VIRUS"))).toBe("554 5.7.1 Virus Found: the EICAR test file NOT a virus.");
    for (const code of [2, 6, 8, 15]) {
      expect(await refusing.send(text(`VIRUS\r\nexit ${code}`))).toMatch(ok);
    }
    const strict = await start("uvscan", 'action = "reject"\nmessages = "all"\non_error = "defer"');
    expect(await strict.send(text("VIRUS\r\nexit 8"))).toBe(`451 4.3.0 ${unable}`);
  });

  it("custom: exit codes and pattern of the settings", async () => {
    const codes = 'infected_exits = ["50"]\nclean_exits = ["0", "10"]\non_error = "defer"';
    const one = await start("custom", `${codes}\nname_pattern = "threat='([^']*)'"`);
    expect(await one.send(text("VIRUS"))).toBe("554 5.7.1 Virus found: Test.Threat");
    expect(await one.send(text("exit 10"))).toMatch(ok);
    expect(await one.send(text("exit 11"))).toBe(`451 4.3.0 ${unable}`);
    const unnamed = await start("custom", codes);
    expect(await unnamed.send(text("VIRUS"))).toBe("554 5.7.1 Virus found");
  });
});

describe("scanner's program", () => {
  const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith("goodmailto-scan-"));

  it("is ended at its time limit with its group, is missing, crashes or prints without end: on_error counts, no file stays", async () => {
    const one = await start("aveclient", 'timeout = "400ms"\non_error = "defer"');
    expect(await one.send(text("sleep"))).toBe(`451 4.3.0 ${unable}`);
    const pid = Number(readFileSync(join(one.relay.folder, "product.pid"), "utf8"));
    await expect.poll(() => existsSync(`/proc/${pid}`)).toBe(false);
    expect(await one.send(text("crash"))).toBe(`451 4.3.0 ${unable}`);
    expect(await one.send(text("flood"))).toBe(`451 4.3.0 ${unable}`);
    rmSync(join(one.relay.folder, "product"));
    expect(await one.send(text("clean"))).toBe(`451 4.3.0 ${unable}`);
    await expect.poll(left).toEqual([]);
    expect(one.relay.metrics.totals()['check_faults{check="scanner"}']).toBe(4);
  });

  it("has a file that its group may read and others may not, and leaves none behind of a process that is gone", async () => {
    writeFileSync(join(folder, "goodmailto-scan-999999999-x"), "old");
    writeFileSync(join(folder, `goodmailto-scan-${process.pid}-y`), "ours");
    const look = { text: '#!/bin/sh\necho "$(stat -c %a:%g "$2")"; exit 1\n', mode: 0o755 };
    scene = await MailScene.start(
      { scanner: 'preset = "custom"\ncommand = ["{folder}/look", "-", "%f"]\ngroup = "12"\nname_pattern = "(.*)"' },
      { config: `[limits]\nspool_folder = "${folder}"`, files: { look } },
    );
    expect(await scene.send(text("x"))).toBe("554 5.7.1 Virus found: 640:12");
    await expect.poll(left).toEqual([`goodmailto-scan-${process.pid}-y`]);
  });

  it("reads standard input with input = stdin, all of a message and the line in front that scanners know it by", async () => {
    const size = { text: '#!/bin/sh\necho "$(head -1 | tr -d "\\r") $(wc -c)"; exit 1\n', mode: 0o755 };
    scene = await MailScene.start(
      { scanner: 'preset = "custom"\ncommand = ["{folder}/size"]\ninput = "stdin"\nname_pattern = "(.*)"' },
      { files: { size } },
    );
    const message = text("y".repeat(900).replaceAll(/.{90}/g, "$&\r\n").repeat(2000));
    expect(await scene.send(message)).toBe(`554 5.7.1 Virus found: Received: by goodmailto ${message.length}`);
  });

  it("runs no more than max_processes at once", async () => {
    const count = {
      text: '#!/bin/sh\nmkdir "$1/run" 2>/dev/null || { echo "two"; exit 1; }\nsleep 0.2\nrmdir "$1/run"\n',
      mode: 0o755,
    };
    const one = (scene = await MailScene.start(
      { scanner: `preset = "custom"\ncommand = ["{folder}/count", "${folder}", "%f"]\nmax_processes = 1` },
      { files: { count } },
    ));
    const answers = await Promise.all(Array.from({ length: 5 }, () => one.send(text("x"))));
    answers.forEach((answer) => expect(answer).toMatch(ok));
  });

  it("must see the message: settings that cannot be so are faults", () => {
    const config = (body: string): string => `[checks]\nrun = ["scanner"]\n[checks.scanner]\n${body}`;
    const start = (body: string) => () => relaySettings(config(body), folder);
    expect(start('preset = "custom"')).toThrow(/command: needs a program/);
    expect(start('command = ["clamscan", "-"]')).toThrow(/command: needs an argument with %f/);
    expect(start('group = "nosuchgroup"')).toThrow(/group: needs the name of a group/);
    expect(start('name_pattern = "(a+)+$"')).toThrow(/name_pattern/);
    expect(start('command = ["clamscan", "-"]\ninput = "stdin"')).not.toThrow();
  });
});

describe("scanner by preset sophie", () => {
  let server: Server;
  let answer: (file: string) => string;
  beforeEach(async () => {
    answer = (file) => (file.includes("VIRUS") ? "1:EICAR-AV-Test" : "0");
    server = createServer((socket) => {
      socket.on("data", (line) => {
        const said = answer(readFileSync(String(line).trimEnd(), "latin1"));
        socket.end(said);
      });
    }).listen(join(folder, "sophie"));
    await once(server, "listening");
  });
  afterEach(() => {
    server.close();
  });

  it("gives the daemon the path, and reads one name or several", async () => {
    const one = (scene = await MailScene.start({
      scanner: `preset = "sophie"\ncommand = ["${folder}/sophie"]\non_error = "defer"`,
    }));
    expect(await one.send(part("VIRUS"))).toBe("554 5.7.1 Virus Found: EICAR-AV-Test");
    answer = () => "1:A,B";
    expect(await one.send(part("x"))).toBe("554 5.7.1 Viruses Found: A,B");
    answer = () => "0";
    expect(await one.send(part("x"))).toMatch(ok);
    expect(await one.send(text("x"))).toMatch(ok);
    for (const odd of ["-1:unknown", "", "x".repeat(300), "hello"]) {
      answer = () => odd;
      expect([odd, await one.send(part("x"))]).toEqual([odd, `451 4.3.0 ${unable}`]);
    }
  });

  it("killed: passes", async () => {
    server.close();
    const one = (scene = await MailScene.start({ scanner: `preset = "sophie"\ncommand = ["${folder}/gone"]` }));
    expect(await one.send(part("VIRUS"))).toMatch(ok);
    expect(one.log).toMatch(/scanner: no answer scanner=\S*gone why="connect ENOENT/);
  });
});

describe.skipIf(missing("clamscan"))("scanner by preset clamscan, with the real one", () => {
  it("refuses a virus in a base64 part, passes what is clean, and defers without signatures", async () => {
    const signatures = makeSignatures(folder);
    const command = (place: string): string =>
      `command = ["clamscan", "--stdout", "--no-summary", "--database=${place}", "%f"]\non_error = "defer"`;
    scene = await MailScene.start({ scanner: command(signatures) });
    expect(await scene.send(withPart(eicar))).toBe(`554 5.7.1 Virus found: ${eicarName}`);
    expect(await scene.send(withPart(eicar, "X-Unknown: 1\r\n"))).toBe(`554 5.7.1 Virus found: ${eicarName}`);
    expect(await scene.send(withPart("clean"))).toMatch(ok);
    await scene.close();
    scene = await MailScene.start({ scanner: command(join(folder, "none")) });
    expect(await scene.send(withPart("clean"))).toBe(`451 4.3.0 ${unable}`);
  }, 30_000);
});
