/**
 * SMTP smuggling (CVE-2023-51764, -51765, -51766 and their kin) over real sockets: what one side takes for the end
 * of a message the other must not. From outside a refusal, from inside exactly one message; never two.
 */
import { setImmediate as turn } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const ends = ["\r\n", "\n", "\r", "\0", "\r\0\n", "\n\r", "\0\r\n", "\r\n\0", "\r\r\n"];
/** Everything that is not the one true end. */
const forms = [...ends.flatMap((before) => ends.map((behind) => `${before}.${behind}`)), "\r\n.", "\n.\0\r\n"].filter(
  (form) => !form.includes("\r\n.\r\n"),
);
const smuggled =
  "MAIL FROM:<evil@sender.example>\r\nRCPT TO:<b@kontor.example>\r\nDATA\r\nSubject: two\r\n\r\ntwo\r\n.\r\n";

const smtp = `listen = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nchunking = true`;

let hop: NextHop;
let relay: TestRelay;
beforeAll(async () => {
  hop = await startNextHop();
  relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n[clients]\nrules = "rules"\n[smtp]\n${smtp}
[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]
[[listener]]\nname = "proxied"\nlisten = ["127.0.0.1:0"]\nproxy_from = ["127.0.0.1"]
[[listener]]\nname = "presented"\nlisten = ["127.0.0.1:0"]\nxclient_from = ["127.0.0.1"]\n`,
    files: { rules: '127.0.0.3:allow,RELAYCLIENT=""\n192.0.2.3:allow,RELAYCLIENT=""\n:allow\n' },
  });
});
afterAll(async () => {
  await relay.stop();
  await hop.close();
});

/** How a client comes: by itself, or by whom a proxy speaks for. Its address ends in 1, or in 3 if it may relay. */
const ways = {
  directly: (last) => SmtpClient.open(relay.ports[0] ?? 0, `127.0.0.${last}`),
  "behind a PROXY header": async (last) => {
    const client = await SmtpClient.open(relay.ports[1] ?? 0);
    client.write(`PROXY TCP4 192.0.2.${last} 198.51.100.25 4711 25\r\n`);
    return client;
  },
  "presented by XCLIENT": async (last) => {
    const client = await SmtpClient.open(relay.ports[2] ?? 0);
    await client.reply();
    await client.command("EHLO proxy.example");
    client.write(`XCLIENT ADDR=192.0.2.${last}\r\n`);
    return client;
  },
} satisfies Record<string, (last: number) => Promise<SmtpClient>>;
type Way = keyof typeof ways;

/** A client whose recipient is accepted. */
async function begun(way: Way, last: number): Promise<SmtpClient> {
  const client = await ways[way](last);
  expect(await client.reply()).toMatch(/^220 /);
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<s@sender.example>");
  expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
  return client;
}

async function rest(client: SmtpClient): Promise<string[]> {
  const replies: string[] = [];
  for (let reply = await client.reply(); reply !== undefined; reply = await client.reply()) {
    replies.push(reply);
  }
  client.close();
  return replies;
}

/** All replies after 354 to a message with this in it. @param apart one byte a packet, as far as the kernel lets us */
async function converse(form: string, way: Way, last: number, apart: boolean): Promise<string[]> {
  const client = await begun(way, last);
  expect(await client.command("DATA")).toMatch(/^354/);
  client.write("Subject: one\r\n\r\none");
  if (apart) {
    for (const byte of Buffer.from(form, "latin1")) {
      await turn();
      client.write(Buffer.from([byte]));
      await turn();
    }
    await turn();
    client.write(`${smuggled}QUIT\r\n`);
  } else {
    client.write(`${form}${smuggled}QUIT\r\n`);
  }
  return rest(client);
}

/** The last replies to the same by BDAT, each byte of the form in a chunk of its own. */
async function converseInChunks(form: string, way: Way, last: number): Promise<string[]> {
  const client = await begun(way, last);
  const chunks = ["Subject: one\r\n\r\none", ...Array.from(form)].map((text) => `BDAT ${text.length}\r\n${text}`);
  client.write(`${chunks.join("")}BDAT ${smuggled.length} LAST\r\n${smuggled}QUIT\r\n`);
  const replies = await rest(client);
  // Chunks behind a refused one have no message any more.
  return replies.filter((text) => !/^(?:250 2\.0\.0 Chunk received|503 5\.5\.1 Send MAIL first)$/.test(text));
}

const refused = ["550 5.6.0 Message holds a bare CR, LF or NUL", "221 2.0.0 Bye"];
const accepted = ["250 2.0.0 Accepted", "221 2.0.0 Bye"];

describe.each(Object.keys(ways) as Way[])("smuggling, %s,", (way) => {
  /** How a client came is of no weight to its bytes: a part of the forms shows it. */
  const tried = way === "directly" ? forms : forms.filter((form, i) => form === "\r\n." || i % 8 === 0);
  const segmentations = way === "directly" ? [false, true] : [true];

  it(`is refused from outside in each of ${tried.length} forms, and nothing reaches the next hop`, async () => {
    const [before, broken] = [hop.received.length, hop.partial.length];
    for (const form of tried) {
      for (const apart of segmentations) {
        const expected = form === "\r\n." ? accepted : refused;
        expect(await converse(form, way, 1, apart), JSON.stringify(form)).toEqual(expected);
      }
    }
    // "\r\n.MAIL" is a line with a dot that nobody doubled: one message, its line without the dot.
    expect(hop.received.slice(before).map(({ recipients }) => recipients)).toEqual(
      segmentations.map(() => ["a@kontor.example"]),
    );
    expect(hop.violations.filter((text) => !text.includes("not doubled"))).toEqual([]);
    // What a hop saw of the refused ones holds nothing that some other hop might take for an end, and no end at all.
    await hop.until(() => hop.partial.length === broken + segmentations.length * (tried.length - 1));
    for (const partial of hop.partial) {
      expect(partial.toString("latin1")).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n|\n\./);
    }
  });

  it("from a client with RELAYCLIENT is one message with whole line ends", async () => {
    for (const form of tried.filter((text) => text !== "\r\n.")) {
      for (const apart of segmentations) {
        const before = hop.received.length;
        const what = JSON.stringify(form);
        const violations = hop.violations.length;
        expect(await converse(form, way, 3, apart), what).toEqual(accepted);
        expect(hop.received.length, what).toBe(before + 1);
        const { message, recipients } = hop.received.at(-1) ?? { message: Buffer.alloc(0), recipients: [] };
        expect(recipients).toEqual(["a@kontor.example"]);
        expect(message.toString("latin1"), what).toMatch(/one[\r\n.]+MAIL FROM:<evil@sender\.example>[^]*two\r\n$/);
        expect(message.toString("latin1"), what).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n/);
        // A dot that the client did not double goes on as it came; the hop takes it away, as RFC 5321 4.5.2 has it.
        expect(
          hop.violations.slice(violations).filter((text) => !text.includes("not doubled")),
          what,
        ).toEqual([]);
      }
    }
  });

  it("by BDAT, where nothing is an end, is refused from outside, and one message from a client with RELAYCLIENT", async () => {
    const violations = hop.violations.length;
    for (const form of [...tried, "\r\n.\r\n", "\r\n.\r\n.\r\n"]) {
      for (const last of [1, 3]) {
        const [before, broken] = [hop.received.length, hop.partial.length];
        const what = JSON.stringify([form, last]);
        const isClean = !/\r(?!\n)|(?<!\r)\n|\0/.test(form);
        const passes = isClean || last === 3;
        expect(await converseInChunks(form, way, last), what).toEqual(passes ? accepted : refused);
        if (!passes) {
          await hop.until(() => hop.partial.length === broken + 1);
          expect(String(hop.partial.at(-1)), what).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n|\n\./);
          expect(hop.received.length, what).toBe(before);
          continue;
        }
        expect(hop.received.length, what).toBe(before + 1);
        const text = hop.received.at(-1)?.message.toString("latin1") ?? "";
        expect(hop.received.at(-1)?.recipients).toEqual(["a@kontor.example"]);
        expect(text, what).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n/);
        // All of it, and octet for octet if nothing had to be made whole.
        expect(text.endsWith(isClean ? `one${form}${smuggled}` : smuggled), what).toBe(true);
      }
    }
    // Each dot at the beginning of a line was doubled.
    expect(hop.violations.slice(violations)).toEqual([]);
  });
});
