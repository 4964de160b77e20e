/** What checks see and change of a message by BDAT is what they see and change of the same message behind DATA. RFC 3030. */
import { afterEach, beforeEach, expect, it } from "vitest";

import { stuffText } from "../../src/message/dots.ts";
import { below, closeScene, hop, open, openScene, relay, send, start } from "./scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const chunking = `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nshutdown_timeout = "1s"\nchunking = true`;
const mail =
  "Subject: old\r\nX-Old: 1\r\nMime-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
  "--b\r\n\r\n.dot needle\r\n..\r\n.\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n";

/** The reply to the last one. @param size octets of a chunk */
async function sendChunks(content: string, size: number): Promise<string | undefined> {
  const client = await open();
  const parts = content.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
  client.write(parts.map((part) => `BDAT ${part.length}\r\n${part}`).join(""));
  for (const _ of parts) {
    expect(await client.reply()).toBe("250 2.0.0 Chunk received");
  }
  const answer = await client.command("BDAT 0 LAST");
  client.close();
  return answer;
}

it.each([
  ["taps", { tapper: "" }],
  ["taps, and refuses", { tapper: 'word = "needle"' }],
  ["edits", { editor: 'subject = "new"\nwait = "20ms"' }],
  ["holds all, and appends", { holder: 'append = "-- \\nfooter\\n.x"\nadd = ["cora@kontor.example"]' }],
  ["holds all, and replaces the body", { holder: 'body = "new\\n.body"' }],
])("a check that %s", async (_, checks) => {
  const { log } = await start(checks, chunking);
  /** What a check has logged of the messages so far. */
  const heard = (): string[] =>
    log.filter((line) => /^(?:tapper|editor|holder): /.test(line)).map((line) => line.replace(/ most=\d+/, ""));
  const answer = await send(`${stuffText(mail)}.\r\n`);
  const [before, once] = [hop.received.length, heard()];
  for (const size of [1, 7, 10_000]) {
    expect(await sendChunks(mail, size), String(size)).toBe(answer);
  }
  expect(hop.received).toHaveLength(before * 4);
  const [first, ...more] = hop.received.map(({ message, recipients }) => [below(message), recipients]);
  expect(more).toEqual(Array.from({ length: before * 3 }, () => first));
  expect(heard()).toEqual([once, once, once, once].flat());
  expect(hop.violations).toEqual([]);
});

it("nothing is kept of chunks for a hop that takes no more of them", async () => {
  hop.script.content = { after: 1000, answer: { deaf: true } };
  await start({}, `${chunking}\nmax_message_size = "0B"\n[limits]\nsession_commands = 1000000`);
  const client = await open();
  // 32 MB, of which the kernel holds some on either side of the relay.
  const chunk = Buffer.concat([Buffer.from("BDAT 16384\r\n"), Buffer.alloc(16_384, `${"x".repeat(62)}\r\n`)]);
  const before = process.memoryUsage().arrayBuffers;
  let [sent, answered] = [0, 0];
  const replies = (async () => {
    while ((await client.reply(60_000))?.startsWith("250") === true) {
      answered++;
    }
  })();
  for (; sent < 2048; sent++) {
    client.write(chunk);
  }
  let last = -1;
  await expect
    .poll(
      () => {
        const settled = answered === last && answered > 0;
        last = answered;
        return settled;
      },
      { timeout: 20_000, interval: 250 },
    )
    .toBe(true);
  // Replies stop where the hop does.
  expect(answered).toBeLessThan(sent / 2);
  // This process is the client, too: what it has not sent yet is its own.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
  client.destroy();
  await replies;
  expect(hop.received).toEqual([]);
  expect(relay?.metrics.totals()["session_faults"] ?? 0).toBe(0);
}, 60_000);
