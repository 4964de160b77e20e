/** The log of a whole relay: a file that Debian's logrotate renames, rsyslog, and the line at the end of a session. */
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startRsyslog } from "../fakes/rsyslog.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { answerTo, configOf, Scene, until } from "./scene.ts";

let scene: Scene;
let hop: NextHop;
beforeEach(async () => {
  scene = new Scene();
  hop = await startNextHop();
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna"]);
});
afterEach(async () => {
  await scene.close();
  await hop.close();
});

it.skipIf(missing("logrotate"))(
  "loses no line when logrotate renames the file and sends SIGHUP to two workers",
  async () => {
    const folder = join(scene.folder, "log");
    spawnSync("mkdir", [folder]);
    const config = scene.write(
      "goodmailto.toml",
      configOf({ hop: hop.port, smtp: "workers = 2", more: `[log]\nsinks = ["stderr", "file:${folder}/relay.log"]` }),
    );
    const program = scene.start("serve", "--config", config);
    const [, port] = await program.until(/relay: ready listen=\S*?:(\d+)/);
    await program.until(/workers ready/);
    const rotation = scene.write(
      "logrotate.conf",
      `${folder}/relay.log {\n  size 1\n  rotate 99\n  nocreate\n  su root root\n  postrotate\n    kill -HUP ${program.child.pid}\n  endscript\n}\n`,
    );
    chmodSync(rotation, 0o644);
    const asked = Array.from({ length: 40 }, (_, i) => `nobody${i}@kontor.example`);
    for (const [i, recipient] of asked.entries()) {
      expect(await answerTo(Number(port), recipient)).toContain("550");
      if (i % 10 === 5) {
        const { status, stderr } = spawnSync("logrotate", ["-f", "-s", join(scene.folder, "state"), rotation]);
        expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: "" });
      }
    }
    await program.stop();
    const names = readdirSync(folder);
    expect(names.length).toBe(5);
    const all = names.flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"));
    const found = all.flatMap((line) => /\((nobody\d+@kontor\.example)\) status: not found$/.exec(line)?.[1] ?? []);
    expect(found.toSorted()).toEqual(asked.toSorted());
  },
  40_000,
);

it.skipIf(missing("rsyslogd"))("sends rsyslog one line for each verdict, the last ones too", async () => {
  const server = await startRsyslog(scene);
  const config = scene.write(
    "goodmailto.toml",
    configOf({
      hop: hop.port,
      more: `[log]\nsinks = ["stderr", "syslog:tcp:127.0.0.1:${server.port}"]\nrecipient_line = "rcpt={address} {status}"`,
    }),
  );
  const { program, port } = await scene.serve(config);
  await answerTo(port, "anna@kontor.example");
  await answerTo(port, "nobody@kontor.example");
  await program.stop();
  const verdicts = await until(
    () => server.lines().filter((line) => line.includes("rcpt=")),
    (lines) => lines.length >= 2,
  );
  expect(verdicts).toEqual([
    "mail info goodmailto rcpt=anna@kontor.example found",
    "mail info goodmailto rcpt=nobody@kontor.example not found",
  ]);
  await until(server.lines, (lines) => lines.some((line) => line.includes("relay: stopping")));
});

it("logs each session at its end, also one that is cut; and not with sessions = false", async () => {
  const config = (more: string): string =>
    scene.write("goodmailto.toml", configOf({ hop: hop.port, more: `[metrics]\nlisten = ""\n[log]\n${more}` }));
  const { program, port } = await scene.serve(config(""));
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<a@sender.example>");
  await client.command("RCPT TO:<nobody@kontor.example>");
  await client.command("RCPT TO:<anna@kontor.example>");
  await client.command("DATA");
  await client.command("Subject: x\r\n\r\nx\r\n.");
  await client.command("QUIT");
  const line =
    /smtp: session end session=\S+ ip=127\.0\.0\.1 seconds=\d+\.\d{3} commands=(\d+) messages=(\d+) refused=(\d+)\n/;
  const [, ...counts] = await program.until(line);
  expect(counts).toEqual(["6", "1", "1"]);
  const cut = await SmtpClient.open(port);
  await cut.reply();
  cut.close();
  await program.until(/session end .* commands=0 messages=0 refused=0\n/);

  config("sessions = false");
  program.child.kill("SIGHUP");
  await program.until(/relay: reloaded/);
  const { output } = program;
  await answerTo(port, "nobody@kontor.example");
  const { stderr } = await program.stop();
  expect(stderr.slice(output.length)).not.toContain("session end");
});
