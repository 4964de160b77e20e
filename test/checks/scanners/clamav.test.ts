/** clamav beside a real clamd that is there, killed, hung, slow, full; and beside servers that lie or say half. */
import { setTimeout as delay } from "node:timers/promises";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { Clamd, eicar, eicarName } from "../../fakes/clamd.ts";
import { missing } from "../../fakes/need.ts";
import { startScripted } from "../../fakes/scripted.ts";
import type { Script } from "../../fakes/scripted.ts";
import { largeMessage, MailScene, withPart } from "./mail-scene.ts";

const plain = "From: ann@far.example\r\nSubject: plain\r\n\r\nHello\r\n";
const found = `554 5.7.1 Virus found: ${eicarName}`;
const unable = "451 4.3.0 Unable to scan for viruses";

let scene: MailScene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

async function start(place: string, more = "", config = ""): Promise<MailScene> {
  scene = await MailScene.start({ clamav: `socket = "${place}"\n${more}` }, { config });
  return scene;
}

describe.skipIf(missing("clamd"))("clamav with a real clamd", () => {
  let clamd: Clamd;
  beforeAll(async () => {
    clamd = await Clamd.start({ config: ["StreamMaxLength 2M", "ReadTimeout 3", "CommandReadTimeout 3"] });
  }, 40_000);
  afterAll(() => clamd.close());

  it("refuses a virus in the body and in a base64 part, at the socket and at the port, and passes what is clean", async () => {
    for (const place of [clamd.path, `127.0.0.1:${clamd.port}`]) {
      const { hop, send, close } = bound(await start(place));
      expect(await send(`${plain}${eicar}\r\n`)).toBe(found);
      expect(await send(withPart(eicar))).toBe(found);
      // clamd knows a mail by its first field, and may not know this one.
      expect(await send(withPart(eicar, "X-Unknown: 1\r\n"))).toBe(found);
      expect(await send(plain)).toMatch(/^250/);
      expect(hop.received).toHaveLength(1);
      await close();
    }
    scene = undefined;
  });

  it("asks about all of a message that comes in small pieces, is dot-stuffed or has no body", async () => {
    const { send, open } = bound(await start(clamd.path));
    expect(await send(`${plain}..${eicar}\r\n..\r\n`)).toBe(found);
    const client = await open();
    for (const byte of `${withPart(eicar)}.\r\n`) {
      client.write(byte);
      await delay(0);
    }
    expect(await client.reply(20_000)).toBe(found);
    client.close();
    expect(await send("")).toMatch(/^250/);
    expect(await send("Subject: no body\r\n")).toMatch(/^250/);
  });

  it("scans a client that pauses for longer than clamd waits", async () => {
    const { send, scanned } = await pausing(clamd.path);
    expect(await scanned).toBe(found);
    expect(await send(plain)).toMatch(/^250/);
  }, 20_000);

  it("marks with action header, and takes foreign marks away", async () => {
    const { send, delivered } = bound(await start(clamd.path, 'action = "header"'));
    const forged = "X-Virus-Checked: by me\r\nX-Virus-Found: No\r\nX-Virus-Details: none\r\n";
    expect(await send(`${forged}${withPart(eicar)}`)).toMatch(/^250/);
    expect(delivered(1)).toBe(`X-Virus-Found: Yes\r\nX-Virus-Details: ${eicarName}\r\n${withPart(eicar)}`);
    expect(await send(`${forged}${plain}`)).toMatch(/^250/);
    expect(delivered(2)).toMatch(
      /^X-Virus-Checked: by ClamAV 1\.\d+\.\d+\S* on mx\.kontor\.example\r\nFrom: ann@far\.example\r\n/,
    );
    expect(delivered(2)).not.toContain("by me");
  });

  it("passes what is larger than max_size unscanned, and says so", async () => {
    const { send, relay } = bound(await start(clamd.path, 'max_size = "1MB"\non_error = "defer"'));
    expect(await send([...largeMessage(1_100_000), Buffer.from(`${eicar}\r\n`)])).toMatch(/^250/);
    expect(relay.log.join("\n")).toMatch(
      /clamav: not scanned scanner="clamd at [^"]*" why="larger than 1000000 bytes"/,
    );
  });

  it("takes clamd's own size limit for an error, and asks again at once", async () => {
    const { send, relay } = bound(await start(clamd.path, 'on_error = "defer"'));
    for (let i = 0; i < 4; i++) {
      expect(await send([...largeMessage(3_000_000), Buffer.from(`${eicar}\r\n`)])).toBe(unable);
    }
    // Its answer is lost where more was sent before it was read.
    expect(relay.log.join("\n")).toMatch(
      /clamav: no answer .*(?:INSTREAM size limit exceeded|larger than its StreamMaxLength\?)/,
    );
    expect(await send(withPart(eicar))).toBe(found);
  });

  it("with multipart_only scans only multipart messages", async () => {
    const { send } = bound(await start(clamd.path, "multipart_only = true"));
    expect(await send(`${plain}${eicar}\r\n`)).toMatch(/^250/);
    expect(await send(withPart(eicar))).toBe(found);
  });

  it("killed: passes, defers or refuses, counts, warns once a minute, and scans again when it is back", async () => {
    const other = await Clamd.start();
    try {
      const { send, relay } = bound(await start(other.path));
      expect(await send(withPart(eicar))).toBe(found);
      await other.kill();
      expect(await send(withPart(eicar))).toMatch(/^250/);
      expect(await send(withPart(eicar))).toMatch(/^250/);
      expect(relay.metrics.totals()['check_faults{check="clamav"}']).toBe(2);
      expect(relay.log.filter((line) => line.includes("clamav: no answer"))).toHaveLength(1);
      await other.start();
      expect(await send(withPart(eicar))).toBe(found);
      await other.kill();
      await scene?.close();
      const { send: deferring } = bound(await start(other.path, 'on_error = "defer"'));
      expect(await deferring(withPart(eicar))).toBe(unable);
      await scene?.close();
      const { send: refusing } = bound(await start(other.path, 'on_error = "refuse"\naction = "header"'));
      expect(await refusing(plain)).toBe("554 5.3.0 Unable to scan for viruses");
    } finally {
      await other.close();
    }
  }, 60_000);

  it("hung: answers at the time limit, for small and for large messages, and is slow no longer once it rests", async () => {
    const { send, relay } = bound(await start(clamd.path, 'timeout = "300ms"\non_error = "defer"'));
    clamd.freeze();
    try {
      expect(await send(plain)).toBe(unable);
      expect(await send(largeMessage(1_500_000))).toBe(unable);
      expect(relay.log.join("\n")).toMatch(/clamav: no answer .*why="no answer for 300 ms"/);
      expect(await send(plain)).toBe(unable);
      const begun = performance.now();
      expect(await send(plain)).toBe(unable);
      expect(performance.now() - begun).toBeLessThan(290);
    } finally {
      clamd.thaw();
    }
  }, 20_000);

  it("slow: waits for it", async () => {
    const { send } = bound(await start(clamd.path));
    clamd.freeze();
    setTimeout(() => clamd.thaw(), 700);
    expect(await send(withPart(eicar))).toBe(found);
  });

  it("gone in the middle of a message", async () => {
    const other = await Clamd.start();
    try {
      const { open } = bound(await start(other.path, 'on_error = "defer"'));
      const client = await open();
      largeMessage(1_000_000).forEach((piece) => client.write(piece));
      await expect.poll(() => scene?.hop.open).toBe(1);
      await other.kill();
      client.write(`${eicar}\r\n.\r\n`);
      expect(await client.reply(10_000)).toBe(unable);
      client.close();
    } finally {
      await other.close();
    }
  }, 40_000);
});

/** A client that says all but the virus, waits, and says the rest. */
async function pausing(place: string) {
  const { open, send } = bound(await start(place, 'on_error = "pass"'));
  const client = await open();
  const whole = withPart(eicar, `From: ann@far.example\r\n${"X-Long: y\r\n".repeat(300)}`);
  const at = whole.length - 60;
  client.write(whole.slice(0, at));
  const scanned = delay(8000).then(async () => {
    client.write(`${whole.slice(at)}.\r\n`);
    const answer = await client.reply(10_000);
    client.close();
    return answer;
  });
  return { send, scanned };
}

/** Methods that may be taken apart. */
function bound(one: MailScene) {
  return {
    hop: one.hop,
    relay: one.relay,
    send: one.send.bind(one),
    open: one.open.bind(one),
    delivered: one.delivered.bind(one),
    close: one.close.bind(one),
  };
}

describe("clamav with a server that is no clamd", () => {
  /** What the client is told with `defer`, and what the log says. */
  const judged = async (
    script: Script,
    message: string | readonly Buffer[] = plain,
  ): Promise<readonly [string | undefined, string]> => {
    const server = await startScripted(script);
    try {
      const own = await start(server.place, 'on_error = "defer"\ntimeout = "2s"');
      const answer = await own.send(message);
      const line = own.relay.log.find((one) => one.includes("clamav: no answer")) ?? "";
      return [answer, /why=(.*)$/.exec(line)?.[1] ?? ""];
    } finally {
      await scene?.close();
      scene = undefined;
      await server.close();
    }
  };
  /** Answers when the message is whole: clamd's empty chunk. */
  const saying =
    (text: string): Script =>
    (socket, got) => {
      if (got.subarray(-4).equals(Buffer.alloc(4))) {
        socket.end(text);
      }
    };

  it("takes no other answer than clamd's for an answer", async () => {
    expect(await judged(saying("stream: OK\0"))).toEqual([expect.stringMatching(/^250/), ""]);
    expect(await judged(saying("stream: O"))).toEqual([unable, String.raw`"half an answer \"stream: O\""`]);
    expect(await judged(saying("stream: Worm.A FO"))).toEqual([unable, expect.stringContaining("half an answer")]);
    expect(await judged(saying("OK\0"))).toEqual([unable, String.raw`"unexpected answer \"OK\""`]);
    expect(await judged(saying("220 mail.example ESMTP\r\n"))).toEqual([unable, expect.stringContaining("unexpected")]);
    expect(await judged(saying(""))).toEqual([unable, '"it closed the connection"']);
    expect(await judged(saying("x".repeat(100_000)))).toEqual([unable, '"answer of more than 4096 bytes"']);
    expect(await judged(saying("stream: OK FOUND ERROR\0"))).toEqual([unable, '"stream: OK FOUND ERROR"']);
  });

  it("does not believe an answer that comes before the message is whole, and waits for no one for ever", async () => {
    expect(await judged((socket) => socket.write("stream: OK\0"), largeMessage(2_000_000))).toEqual([
      unable,
      String.raw`"early answer \"stream: OK\""`,
    ]);
    expect(await judged(() => undefined)).toEqual([unable, '"no answer for 2000 ms"']);
    expect(await judged((socket) => socket.destroy())).toEqual([unable, expect.stringMatching(/closed|ECONN|EPIPE/)]);
    expect(await judged((socket, got) => void (got.length > 0 && socket.resetAndDestroy()))).toEqual([
      unable,
      expect.stringMatching(/closed|ECONN|EPIPE/),
    ]);
  });

  it("makes one printable line of any name", async () => {
    const server = await startScripted(saying(`stream: Bad\x07\x9b\rName${"y".repeat(400)} FOUND\0`));
    try {
      const own = await start(server.place);
      expect(await own.send(plain)).toBe(`554 5.7.1 Virus found: Bad?Name${"y".repeat(120)}`);
    } finally {
      await server.close();
    }
  });
});
