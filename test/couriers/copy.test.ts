/** `[[copy]]`: what the next hop has accepted goes on to another one, and no client ever waits for it. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { hello, send } from "../relay/scene.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

const copies: NextHop[] = [];
afterEach(async () => {
  await closePlaces();
  await Promise.all(copies.splice(0).map((hop) => hop.close()));
});

/** Mail for smtp.example goes to `hop`; a copy goes elsewhere. */
async function copyTo(nextHop: string, more = ""): Promise<{ relay: TestRelay; hop: NextHop }> {
  return placeScene('next_hop = "maildir:{folder}/kontor"', {
    config: `[[copy]]\ndomain = "smtp.example"\nnext_hop = "${nextHop}"\n${more}`,
  });
}

async function copyHop(script: NextHopScript = {}): Promise<NextHop> {
  const hop = await startNextHop(script);
  copies.push(hop);
  return hop;
}

const copiesIn = ({ folder }: TestRelay): string[] =>
  existsSync(join(folder, "copy/new"))
    ? readdirSync(join(folder, "copy/new")).map((name) => readFileSync(join(folder, "copy/new", name), "latin1"))
    : [];
const failed = (relay: TestRelay): string[] => relay.log.filter((line) => line.includes("copy: not"));

describe("a copy", () => {
  it("is what the next hop has accepted, byte for byte, for the recipients of its domain", async () => {
    const second = await copyHop();
    const { relay, hop } = await copyTo(`smtp://127.0.0.1:${second.port}`);
    const client = await hello(relay);
    const text = `Subject: x\r\n\r\n..dot\r\n...\r\n\xff caf\xe9\r\n${"x".repeat(70).concat("\r\n").repeat(40_000)}end`;
    expect((await send(client, ["a@smtp.example", "b@smtp.example"], text)).at(-1)).toBe("250 2.0.0 Accepted");
    await second.until(() => second.received.length === 1);
    expect(second.received[0]).toMatchObject({
      sender: "s@sender.example",
      recipients: ["a@smtp.example", "b@smtp.example"],
    });
    expect(second.received[0]?.raw.equals(hop.received[0]?.raw ?? Buffer.alloc(0))).toBe(true);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Delivered");
    expect((await send(client, ["a@smtp.example"])).at(-1)).toMatch(/^250/);
    await second.until(() => second.received.length === 2);
    expect([second.violations, failed(relay)]).toEqual([[], []]);
    client.close();
  });

  it("is not made of what the next hop refuses, or the client does not end", async () => {
    const { relay, hop } = await copyTo("maildir:{folder}/copy");
    hop.script.answers = { dot: "554 5.6.0 No" };
    const client = await hello(relay);
    expect((await send(client, ["a@smtp.example"])).at(-1)).toBe("554 5.6.0 No");
    hop.script.answers = {};
    for (const line of ["MAIL FROM:<s@sender.example>", "RCPT TO:<a@smtp.example>", "DATA"]) {
      await client.command(line);
    }
    client.write("Subject: half\r\n\r\nhalf");
    client.close();
    await hop.until(() => hop.partial.length === 1);
    const last = await hello(relay);
    expect((await send(last, ["a@smtp.example"])).at(-1)).toMatch(/^250/);
    await expect.poll(() => copiesIn(relay).length).toBe(1);
    expect(copiesIn(relay)[0]).toMatch(/^Return-Path: <s@sender\.example>\nDelivered-To: a@smtp\.example\nReceived: /);
    last.close();
  });

  it("that is refused, or whose server is away, is a line of the log and nothing else", async () => {
    const second = await copyHop({ recipients: { "a@smtp.example": "550 5.1.1 Not here" } });
    const { relay } = await copyTo(`smtp://127.0.0.1:${second.port}`, 'timeout = "300ms"');
    const client = await hello(relay);
    expect((await send(client, ["a@smtp.example", "b@smtp.example"])).at(-1)).toMatch(/^250/);
    await second.until(() => second.received.length === 1);
    expect(second.received[0]?.recipients).toEqual(["b@smtp.example"]);
    expect(failed(relay)).toEqual([
      expect.stringMatching(
        /session=\S+ from=s@sender\.example to=a@smtp\.example route="smtp\.example smtp:\S+" why="550 5\.1\.1 Not here"/,
      ),
    ]);
    await second.listen(false);
    second.reset();
    expect((await send(client, ["a@smtp.example"])).at(-1)).toMatch(/^250/);
    await expect.poll(() => failed(relay).length).toBe(2);
    expect(relay.metrics.totals()).toMatchObject({ 'copies{result="failed"}': 2 });
    client.close();
  });

  it("never delays a reply, and as many wait as may", async () => {
    let isHung = true;
    const second = await copyHop({ answers: { mail: () => (isHung ? { hang: true } : undefined) } });
    const { relay, hop } = await copyTo(`smtp://127.0.0.1:${second.port}`, 'timeout = "30s"');
    const client = await hello(relay);
    for (let i = 0; i < 106; i++) {
      expect((await send(client, ["a@smtp.example"])).at(-1)).toMatch(/^250/);
    }
    expect(hop.received).toHaveLength(106);
    expect(failed(relay)).toEqual(Array<unknown>(2).fill(expect.stringContaining("100 others wait")));
    client.close();
    // A reload loses none of those that wait.
    relay.reload(
      `[domains]\nrelay = ["smtp.example"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n`,
    );
    isHung = false;
    second.reset();
    await second.until(() => second.received.length === 100);
    expect(failed(relay)).toHaveLength(6);
  });

  it("of a session that began before a reload is reported when the relay stops, too", async () => {
    const second = await copyHop({ answers: { mail: { hang: true } } });
    const { relay, hop } = await copyTo(`smtp://127.0.0.1:${second.port}`, "");
    const client = await hello(relay);
    relay.reload(
      `[domains]\nrelay = ["smtp.example"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n[smtp]\nlisten = ["127.0.0.1:0"]\nshutdown_timeout = "100ms"\n`,
    );
    expect((await send(client, ["a@smtp.example"])).at(-1)).toMatch(/^250/);
    await second.until(() => second.commands.flat().some((line) => line.startsWith("MAIL")));
    client.close();
    await relay.relay.stop();
    expect(failed(relay)).toEqual([expect.stringMatching(/to=a@smtp\.example .*why="the relay stops"/)]);
  });

  it("for a server that speaks LMTP goes to one recipient after the other", async () => {
    const second = await copyHop({ lmtp: true });
    const { relay } = await copyTo(`lmtp://127.0.0.1:${second.port}`);
    const client = await hello(relay);
    expect((await send(client, ["a@smtp.example", "b@smtp.example", "c@smtp.example"])).at(-1)).toMatch(/^250/);
    await second.until(() => second.received.filter(({ taken }) => taken.length === 1).length === 3);
    expect(second.received.map(({ taken }) => taken)).toEqual([
      ["a@smtp.example"],
      ["b@smtp.example"],
      ["c@smtp.example"],
    ]);
    client.close();
  });

  it("is not made where it cannot be written, and the message is delivered", async () => {
    const { relay, hop } = await copyTo("maildir:{folder}/copy", '[limits]\nspool_folder = "{folder}/gone"');
    const client = await hello(relay);
    expect((await send(client, ["a@smtp.example"])).at(-1)).toMatch(/^250/);
    expect([hop.received.length, failed(relay)]).toEqual([1, [expect.stringMatching(/copy: not made .*ENOENT/)]]);
    client.close();
  });
});
