/** Bounces to signed senders, extensions and listed routes, over the wire: what is taken, and what the next hop is told. */
import { afterEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const open: { relay: TestRelay; hop: NextHop }[] = [];
afterEach(async () => {
  for (const { relay, hop } of open.splice(0)) {
    await relay.stop();
    await hop.close();
  }
});

async function start(recipients = ""): Promise<{ relay: TestRelay; hop: NextHop }> {
  const hop = await startNextHop();
  const relay = await startTestRelay({
    config: `[recipients]\n${recipients}\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`,
    snapshot: ["vera@kontor.example", "a%b@kontor.example", "b!a@kontor.example", '"x:y"@kontor.example'],
  });
  open.push({ relay, hop });
  return { relay, hop };
}

/** The first word of each answer. */
async function ask(port: number, sender: string, recipients: readonly string[]): Promise<(string | undefined)[]> {
  const client = await SmtpClient.open(port);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command(`MAIL FROM:<${sender}>`);
  const answers: (string | undefined)[] = [];
  for (const recipient of recipients) {
    answers.push((await client.command(`RCPT TO:<${recipient}>`))?.slice(0, 9).trim());
  }
  await client.command("DATA");
  await client.command("Subject: x\r\n\r\nx\r\n.");
  client.close();
  return answers;
}

const signed = ["prvs=0123456789=Vera@kontor.example", "btv1==074a1b2c3d4==vera+x@kontor.example"];
const rewritten = [
  "SRS0=Hk4x=2A=partner.example=bob@kontor.example",
  "SRS1=Ab3d=hop.example==Hk4x=2A=partner.example=bob@kontor.test",
];

describe("a signed return path", () => {
  it("takes the bounces of its owner, and goes on letter for letter", async () => {
    const { relay, hop } = await start();
    const all = [...signed, ...rewritten];
    expect(await ask(relay.port, "", all)).toEqual(all.map(() => "250 2.1.5"));
    expect(hop.received.flatMap(({ recipients }) => recipients)).toEqual(all);
  });

  it("is unknown where nobody owns it, and a rewritten one to anybody but the null sender", async () => {
    const { relay } = await start();
    const nobody = ["prvs=0123456789=nobody@kontor.example", "btv1==074a1b2c3d4==nobody@kontor.example"];
    expect(await ask(relay.port, "", nobody)).toEqual(["550 5.1.1", "550 5.1.1"]);
    expect(await ask(relay.port, "someone@partner.example", rewritten)).toEqual(["550 5.1.1", "550 5.1.1"]);
    expect(await ask(relay.port, "someone@partner.example", signed)).toEqual(["250 2.1.5", "250 2.1.5"]);
  });

  it("opens no route", async () => {
    const { relay } = await start();
    const routes = [
      "SRS0=Hk4x=2A=partner.example=bob%evil.example@kontor.example",
      '"SRS0=Hk4x=2A=partner.example=bob@evil.example"@kontor.example',
      "prvs=0123456789=vera%evil.example@kontor.example",
      "SRS0=Hk4x=2A=partner.example=bob@elsewhere.example",
    ];
    expect((await ask(relay.port, "", routes)).map((answer) => answer?.slice(0, 3))).toEqual(routes.map(() => "550"));
  });

  it("is any unknown user where the setting is off", async () => {
    const { relay } = await start("signed_return_paths = false");
    const all = [...signed, ...rewritten];
    expect(await ask(relay.port, "", all)).toEqual(all.map(() => "550 5.1.1"));
  });
});

describe("a user part that names a route", () => {
  it("is accepted as the directory lists it, letter for letter, and in no other form", async () => {
    const { relay } = await start('recipient_delimiter = "+-"');
    const listed = ["A%B@kontor.example", "b!a@kontor.test", '"x:y"@kontor.example'];
    expect(await ask(relay.port, "s@partner.example", listed)).toEqual(listed.map(() => "250 2.1.5"));
    const others = ["a%b+x@kontor.example", "vera-x%b@kontor.example", "a%c@kontor.example", '"a@b"@kontor.example'];
    const answers = await ask(relay.port, "s@partner.example", others);
    expect(answers.map((answer) => answer?.slice(0, 3))).toEqual(others.map(() => "550"));
  });
});

describe("an address", () => {
  it('is well-formed with an empty quoted user part, and means nobody; "[999.999.999.999]" is none', async () => {
    const { relay } = await start();
    expect(await ask(relay.port, '""@partner.example', ["vera@kontor.example", '""@kontor.example'])).toEqual([
      "250 2.1.5",
      "550 5.1.1",
    ]);
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    await client.command("EHLO client.example");
    expect(await client.command("MAIL FROM:<s@[999.999.999.999]>")).toMatch(/^501 5\.1\.7 /);
    expect(await client.command("MAIL FROM:<s@[192.0.2.1]>")).toMatch(/^250 /);
    client.close();
  });
});
