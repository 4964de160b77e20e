/** next_hop = "maildir:/folder": what stands there after a 250, and that nothing does after anything else. */
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { hello, send } from "../relay/scene.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

afterEach(closePlaces);

const filesIn = ({ folder }: TestRelay, part: string): string[] =>
  existsSync(join(folder, "mail", part)) ? readdirSync(join(folder, "mail", part)) : [];
const deliveredTo = (relay: TestRelay): string[] =>
  filesIn(relay, "new").map((name) => readFileSync(join(relay.folder, "mail/new", name), "latin1"));
const maildir = 'next_hop = "maildir:{folder}/mail"';

describe("a maildir as the next hop", () => {
  it("has a file for each message, with its envelope, in lines that end in LF and without stuffed dots", async () => {
    const { relay } = await placeScene(maildir);
    const client = await hello(relay);
    const text = "Subject: x\r\n\r\n..one dot\r\n...two dots\r\nend";
    expect(await send(client, ["a@kontor.example", "B@kontor.example"], text)).toEqual([
      "250 2.1.5 Recipient OK",
      "250 2.1.5 Recipient OK",
      expect.stringMatching(/^354 /),
      "250 2.0.0 Delivered",
    ]);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Delivered");
    const [first, ...more] = deliveredTo(relay).toSorted((a, b) => b.length - a.length);
    expect(first).toMatch(
      /^Return-Path: <s@sender\.example>\nDelivered-To: a@kontor\.example\nDelivered-To: B@kontor\.example\nReceived: /,
    );
    expect(first?.endsWith("\nSubject: x\n\n.one dot\n..two dots\nend\n")).toBe(true);
    expect(more).toHaveLength(1);
    expect(filesIn(relay, "tmp")).toEqual([]);
    const [name = ""] = filesIn(relay, "new");
    expect(name).toMatch(/^\d{10}\.M\d+P\d+Q\d+\.mx\.kontor\.example$/);
    expect(statSync(join(relay.folder, "mail/new", name)).mode & 0o777).toBe(0o600);
    client.close();
  });

  it("takes a message of many pieces whole", async () => {
    const { relay } = await placeScene(maildir);
    const client = await hello(relay);
    const body = "0123456789abcdef".repeat(4).concat("\r\n").repeat(80_000);
    expect((await send(client, undefined, `Subject: big\r\n\r\n${body}end`)).at(-1)).toBe("250 2.0.0 Delivered");
    expect(deliveredTo(relay)[0]?.endsWith(`\n\n${body.replaceAll("\r\n", "\n")}end\n`)).toBe(true);
    client.close();
  });

  it("takes a message whatever its time limits are", async () => {
    const { relay } = await placeScene(`${maildir}\ntimeout = "30d"\ndata_timeout = "30d"`);
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Delivered");
    client.close();
  });

  it("has nothing of a message that its client did not end", async () => {
    const { relay } = await placeScene(maildir);
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example>");
    await client.command("RCPT TO:<a@kontor.example>");
    await client.command("DATA");
    client.write("Subject: half\r\n\r\nhalf a line");
    await expect.poll(() => filesIn(relay, "tmp").length).toBe(1);
    client.close();
    await expect.poll(() => filesIn(relay, "tmp")).toEqual([]);
    expect(filesIn(relay, "new")).toEqual([]);
  });

  it("answers 451 while the folder is away, and says why in the log; after that it takes the same message", async () => {
    const { relay } = await placeScene(maildir, { files: { mail: "a file in its place" } });
    const client = await hello(relay);
    expect(await send(client)).toEqual([
      "250 2.1.5 Recipient OK",
      "451 4.3.0 Cannot deliver at present, try again later",
    ]);
    expect(relay.log.filter((line) => line.includes("next-hop: not delivered"))[0]).toMatch(/route=.*maildir.*why=/);
    rmSync(join(relay.folder, "mail"));
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Delivered");
    client.close();
  });

  it("answers 451 where the message cannot be moved to new, and leaves nothing behind", async () => {
    const { relay } = await placeScene(maildir);
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example>");
    await client.command("RCPT TO:<a@kontor.example>");
    await client.command("DATA");
    rmSync(join(relay.folder, "mail/new"), { recursive: true });
    writeFileSync(join(relay.folder, "mail/new"), "");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toBe(
      "451 4.3.0 Cannot deliver at present, try again later",
    );
    await expect.poll(() => filesIn(relay, "tmp")).toEqual([]);
    client.close();
  });

  it("takes bounces, and messages for a bare postmaster", async () => {
    const { relay } = await placeScene(maildir);
    const client = await hello(relay);
    expect(await client.command("MAIL FROM:<>")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<postmaster>")).toMatch(/^250/);
    expect(await client.command("DATA")).toMatch(/^354/);
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toBe("250 2.0.0 Delivered");
    expect(deliveredTo(relay)[0]).toMatch(/^Return-Path: <>\nDelivered-To: postmaster\n/);
    client.close();
  });

  it("answers 451 where it cannot make a folder", async () => {
    const { relay } = await placeScene(maildir);
    writeFileSync(join(relay.folder, "mail"), "");
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toMatch(/^451 4\.3\.0 /);
    client.close();
  });
});
