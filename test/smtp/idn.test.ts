/** Domains in UTF-8: whose are taken, and what the next hop gets. As the plugin idn of qpsmtpd. */
import { afterEach, expect, it } from "vitest";

import type { NextHop } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, scene } from "../relay/scene.ts";

afterEach(closeScenes);

const own = "127.0.0.5";
const stranger = "127.0.0.1";
/** UTF-8 as octets. */
const octets = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

async function start(setting = ""): Promise<{ relay: TestRelay; hop: NextHop }> {
  const smtp = `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n${setting}\n`;
  const config = `${smtp}[clients]\nrules = "{folder}/rules"\n`;
  return scene({}, config, { files: { rules: `${own}:allow,RELAYCLIENT=""\n` } });
}

async function ask(port: number, address: string, sender: string, recipients: readonly string[]): Promise<string[]> {
  const client = await SmtpClient.open(port, address);
  await client.reply();
  await client.command("EHLO client.example");
  const said = [(await client.command(octets(`MAIL FROM:<${sender}> SIZE=10`))) ?? ""];
  for (const recipient of recipients) {
    said.push((await client.command(octets(`RCPT TO:<${recipient}>`))) ?? "");
  }
  client.close();
  return said.map((line) => line.slice(0, 9));
}

const written = [
  "x@müller.example",
  '"a@b"@MÜLLER.example',
  "x@müller.example.",
  "jürgen@müller.example",
  "x@a..müller",
  "x@mü ller.example",
];

it("are passed on as A-labels for clients that may relay", async () => {
  const { relay, hop } = await start();
  const said = await ask(relay.port, own, "söhne@kontor.example", []);
  expect(said).toEqual(["553 5.6.7"]);
  expect(await ask(relay.port, own, "a@straße.example", written)).toEqual([
    "250 2.1.0",
    "250 2.1.5",
    "250 2.1.5",
    "250 2.1.5",
    "553 5.6.7",
    "501 5.1.3",
    "501 5.1.3",
  ]);
  const commands = hop.commands
    .flat()
    .filter((line) => /^(MAIL|RCPT)/.test(line))
    .map((line) => line.split(/[<>]/)[1]);
  expect(commands).toEqual([
    "a@xn--strae-oqa.example",
    "x@xn--mller-kva.example",
    '"a@b"@xn--mller-kva.example',
    "x@xn--mller-kva.example",
  ]);
  expect(relay.log.find((line) => line.includes("to: x"))).toContain("(x@xn--mller-kva.example)");
});

it("are refused from strangers, unless all may write so; and from everybody with off", async () => {
  const { relay } = await start();
  expect(await ask(relay.port, stranger, "a@sender.example", [written[0] ?? ""])).toEqual(["250 2.1.0", "553 5.6.7"]);
  expect(await ask(relay.port, stranger, "a@müller.example", [])).toEqual(["553 5.6.7"]);
  const all = await start('idn = "all"');
  expect(await ask(all.relay.port, stranger, "a@müller.example", [written[0] ?? ""])).toEqual([
    "250 2.1.0",
    "550 5.7.1",
  ]);
  const off = await start('idn = "off"');
  expect(await ask(off.relay.port, own, "a@müller.example", [])).toEqual(["553 5.6.7"]);
});

it("must be UTF-8", async () => {
  const { relay } = await start();
  const client = await SmtpClient.open(relay.port, own);
  await client.reply();
  await client.command("EHLO client.example");
  expect(await client.command("MAIL FROM:<a@m\xfcller.example>")).toMatch(/^501 5\.1\.7 /);
  await client.command("MAIL FROM:<>");
  expect(await client.command("RCPT TO:<a@m\xfcller.example>")).toMatch(/^501 5\.1\.3 /);
  client.close();
});
