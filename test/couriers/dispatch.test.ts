/** A relay with next hops of several kinds: each message goes to one of them, whole or not at all. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it, onTestFinished } from "vitest";

import { buildCourier } from "../../src/compose/next-hops.ts";
import { createResolver } from "../../src/compose/resolver.ts";
import type { Delivery } from "../../src/mail/courier.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { noCounters } from "../../src/report/counters.ts";
import { silentLog } from "../../src/report/log.ts";
import { mailbox } from "../checks/fixture.ts";
import { settingsOf } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { hello, send } from "../relay/scene.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

afterEach(closePlaces);

const maildir = 'next_hop = "maildir:{folder}/mail"';
const filesOf = ({ folder }: TestRelay): number =>
  existsSync(join(folder, "mail/new")) ? readdirSync(join(folder, "mail/new")).length : 0;
const other = "452 4.5.3 Send this recipient in a message of its own";

describe("a message with recipients of several next hops", () => {
  it("goes where its first accepted recipient goes", async () => {
    const { relay, hop } = await placeScene(maildir);
    const client = await hello(relay);
    const first = await send(client, ["a@kontor.example", "b@smtp.example", "c@kontor.example"]);
    expect([first[0], first[1], first[2]]).toEqual(["250 2.1.5 Recipient OK", other, "250 2.1.5 Recipient OK"]);
    expect([filesOf(relay), hop.received.length]).toEqual([1, 0]);
    const second = await send(client, ["b@smtp.example", "a@kontor.example"]);
    expect([second[1], second.at(-1)?.slice(0, 4)]).toEqual([other, "250 "]);
    expect([filesOf(relay), hop.received.length]).toEqual([1, 1]);
    client.close();
  });

  it("goes to the folder where the SMTP server has refused its recipient, whose session is free again", async () => {
    const { relay, hop } = await placeScene(maildir);
    hop.script.answers = { rcpt: "550 5.1.1 No such user" };
    const client = await hello(relay);
    const replies = await send(client, ["b@smtp.example", "a@kontor.example"]);
    expect([replies[0], replies.at(-1)]).toEqual(["550 5.1.1 No such user", "250 2.0.0 Delivered"]);
    hop.script.answers = {};
    expect((await send(client, ["b@smtp.example"])).at(-1)).toMatch(/^250 /);
    expect([filesOf(relay), hop.received.length, hop.connections]).toEqual([1, 1, 1]);
    client.close();
  });
});

describe("a plan for other recipients", () => {
  const begin = async (relay: TestRelay, hop: { readonly port: number }) => {
    const settings = settingsOf(
      `[domains]\nrelay = ["kontor.example", "smtp.example"]\n[[route]]\ndomain = "kontor.example"\n${maildir}\n` +
        `[[route]]\ndomain = "smtp.example"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`,
      relay.folder,
    );
    const domains = createDomains(settings.domains.relay, {});
    const dns = createResolver(settings, silentLog);
    const courier = buildCourier(settings, domains, dns, silentLog, noCounters, "mx.kontor.example");
    onTestFinished(() => courier.close());
    const envelope = { sender: mailbox("s@sender.example"), eightBit: false, size: 0 };
    return courier.begin(envelope, { session: "x", ip: "192.0.2.7" });
  };
  const finish = async (delivery: Delivery): Promise<string> => {
    expect((await delivery.data()).code).toBe(354);
    delivery.write(Buffer.from("Subject: x\r\n\r\nx\r\n"));
    return (await delivery.finish()).wire;
  };
  const [here, there] = [mailbox("a@kontor.example"), mailbox("b@smtp.example")];

  it("leads from the folder to the SMTP server, and back", async () => {
    const { relay, hop } = await placeScene(maildir);
    const out = await begin(relay, hop);
    expect((await out.recipient(here)).code).toBe(250);
    expect(await out.plan(mailbox("new@sender.example"), [there])).toBeUndefined();
    expect(await finish(out)).toMatch(/^250 /);
    expect(hop.received).toMatchObject([{ sender: "new@sender.example", recipients: ["b@smtp.example"] }]);
    const back = await begin(relay, hop);
    expect((await back.recipient(there)).code).toBe(250);
    expect(await back.plan(undefined, [here])).toBeUndefined();
    expect(await finish(back)).toBe("250 2.0.0 Delivered\r\n");
    expect([filesOf(relay), hop.received.length]).toEqual([1, 1]);
  });

  it("is refused where they have different next hops, or the new one refuses", async () => {
    const { relay, hop } = await placeScene(maildir);
    const divided = await begin(relay, hop);
    await divided.recipient(here);
    expect((await divided.plan(undefined, [here, there]))?.code).toBe(451);
    divided.abandon();
    hop.script.answers = { rcpt: "550 5.1.1 No such user" };
    const refused = await begin(relay, hop);
    await refused.recipient(here);
    expect((await refused.plan(undefined, [there]))?.code).toBe(550);
    refused.abandon();
    expect([filesOf(relay), hop.received.length]).toEqual([0, 0]);
  });
});
