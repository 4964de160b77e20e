/** `[[copy]]` when the relay stops: what waits is sent within shutdown_timeout, and what is not is a line of the log each. */
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { configOf, Scene } from "./scene.ts";

let scene: Scene;
let hop: NextHop;
let second: NextHop;
let isHung = true;
beforeEach(async () => {
  scene = new Scene();
  isHung = true;
  hop = await startNextHop();
  second = await startNextHop({ answers: { mail: () => (isHung ? { hang: true } : undefined) } });
  await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["anna", "otto"]);
});
afterEach(async () => {
  await scene.close();
  await hop.close();
  await second.close();
});

/** A relay that has accepted so many messages, whose copies all wait for a next hop that does not answer. */
async function relayWith(count: number, shutdown: string) {
  const plan = { hop: hop.port, more: `[[copy]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${second.port}"\n` };
  const config = configOf(plan).replace('shutdown_timeout = "10s"', `shutdown_timeout = "${shutdown}"`);
  const { program, port } = await scene.serve(scene.write("goodmailto.toml", config));
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command("EHLO client.example");
  for (let i = 0; i < count; i++) {
    await client.command(`MAIL FROM:<sender${i}@far.example>`);
    await client.command("RCPT TO:<anna@kontor.example>");
    await client.command("RCPT TO:<otto@kontor.example>");
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
  }
  client.close();
  await second.until(
    () => second.commands.flat().filter((line) => line.startsWith("MAIL")).length === Math.min(count, 4),
  );
  return program;
}

it("names every copy that it did not send", async () => {
  const program = await relayWith(7, "200ms");
  const { code, stderr } = await program.stop();
  const lines = stderr.split("\n").filter((line) => line.includes("copy: not delivered"));
  expect(lines.map((line) => / from=(\S+) /.exec(line)?.[1]).toSorted()).toEqual(
    Array.from({ length: 7 }, (_, i) => `sender${i}@far.example`),
  );
  const facts = `to="anna@kontor.example otto@kontor.example" route="* smtp://127.0.0.1:${second.port}" why="the relay stops"`;
  expect(lines.filter((line) => !line.includes(facts))).toEqual([]);
  expect([code, second.received]).toEqual([0, []]);
});

it("sends what waits if the next hop takes it in time", async () => {
  const program = await relayWith(7, "10s");
  program.child.kill("SIGTERM");
  await program.until(/relay: stopping/);
  isHung = false;
  // Those that hang are lost with their connection; the others are sent.
  second.reset();
  const { code, stderr } = await program.ended();
  expect(second.received.map(({ sender }) => sender).toSorted()).toEqual([
    "sender4@far.example",
    "sender5@far.example",
    "sender6@far.example",
  ]);
  expect([code, stderr.match(/copy: not delivered/g)?.length]).toEqual([0, 4]);
});
