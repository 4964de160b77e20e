/** spamassassin beside a real spamd, and beside servers that lie. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../../fakes/need.ts";
import { startScripted } from "../../fakes/scripted.ts";
import { gtube, startSpamd } from "../../fakes/spamd.ts";
import type { Spamd } from "../../fakes/spamd.ts";
import { largeMessage, MailScene } from "./mail-scene.ts";

const spam = `From: a@far.example\r\nSubject: hello\r\nX-Spam-Flag: NO\r\n\r\n${gtube}\r\n`;
const ham =
  "From: a@far.example\r\nTo: anna@kontor.example\r\nSubject: hello\r\nDate: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@far.example>\r\n\r\nHello\r\n";
const refused = "554 5.7.1 spam score exceeded threshold";

let scene: MailScene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

async function start(place: string, more: string): Promise<MailScene> {
  await scene?.close();
  scene = await MailScene.start({ spamassassin: `socket = "${place}"\n${more}` });
  return scene;
}

describe.skipIf(missing("spamd"))("spamassassin with a real spamd", () => {
  let spamd: Spamd;
  beforeAll(async () => {
    spamd = await startSpamd();
  }, 90_000);
  afterAll(() => spamd.close());

  it("refuses from the threshold on, streaming and held, and passes what is below", async () => {
    for (const headers of ["none", "add"]) {
      const one = await start(spamd.place, `reject_threshold = 20\nheaders = "${headers}"`);
      expect(await one.send(spam)).toBe(refused);
      expect(await one.send(ham)).toMatch(/^250/);
    }
    const user = await start(spamd.place, 'reject_threshold = "userprefs"');
    expect(await user.send(spam)).toBe(refused);
    expect(await user.send(ham)).toMatch(/^250/);
  }, 60_000);

  it("adds spamd's fields, renames old ones, and marks the subject once", async () => {
    const one = await start(spamd.place, 'munge_subject_threshold = 10\nuser = "%r"');
    expect(await one.send(spam)).toMatch(/^250/);
    const marked = one.delivered();
    expect(marked).toMatch(/^X-Spam-Checker-Version: SpamAssassin /);
    expect(marked).toMatch(/^X-Spam-Flag: YES\r$/m);
    expect(marked).toMatch(/^X-Spam-Status: Yes, score=\d/m);
    expect(marked).toMatch(/^X-Old-Spam-Flag: NO\r$/m);
    expect(marked).toMatch(/^X-Spam-User: anna@kontor\.example, 1 recipients\r$/m);
    expect(marked.match(/^Subject: .*$/gm)).toEqual(["Subject: *** SPAM *** hello"]);
    expect(marked.endsWith(`\r\n\r\n${gtube}\r\n`)).toBe(true);
    expect(await one.send(spam.replace("hello", "*** SPAM *** hello"))).toMatch(/^250/);
    expect(one.delivered(2).match(/^Subject: .*$/gm)).toEqual(["Subject: *** SPAM *** hello"]);
    expect(await one.send(ham)).toMatch(/^250/);
    expect(one.delivered(3)).not.toContain("SPAM ***");
    const dropping = await start(spamd.place, 'leave_old_headers = "drop"');
    expect(await dropping.send(spam)).toMatch(/^250/);
    expect(dropping.delivered()).not.toMatch(/Flag: NO/);
    const keeping = await start(spamd.place, 'leave_old_headers = "keep"');
    expect(await keeping.send(spam)).toMatch(/^250/);
    expect(keeping.delivered()).toMatch(/^X-Spam-Flag: NO\r$/m);
  }, 60_000);

  it("does not ask about large messages; hung and killed: on_error counts", async () => {
    const one = await start(spamd.place, "reject_threshold = 20");
    expect(await one.send([...largeMessage(600_000), Buffer.from(`${gtube}\r\n`)])).toMatch(/^250/);
    expect(one.log).toContain("larger than 500000 bytes");
    spamd.freeze();
    try {
      const hung = await start(spamd.place, 'timeout = "300ms"');
      expect(await hung.send(spam)).toMatch(/^250/);
      expect(hung.delivered()).toBe(spam);
      expect(hung.log).toContain("no answer for 300 ms");
    } finally {
      spamd.thaw();
    }
    await spamd.kill();
    const gone = await start(spamd.place, 'on_error = "defer"');
    expect(await gone.send(spam)).toBe("451 4.3.0 Unable to scan for spam");
  }, 60_000);
});

describe("spamassassin with a server that is no spamd", () => {
  it("takes no other answer than spamd's for an answer", async () => {
    const bad = [
      "",
      "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.0 / 5.0\r\n",
      "SPAMD/1.1 0 EX_OK\r\nContent-length: 500\r\nSpam: True ; 15.0 / 5.0\r\n\r\nX-Spam-Flag: YES\r\n",
      "SPAMD/1.1 76 Bad header line\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n",
      "y".repeat(2_000_000),
    ];
    for (const answer of bad) {
      const server = await startScripted((socket, _got, ended) => void (ended && socket.end(answer)));
      try {
        const one = await start(server.place, 'on_error = "defer"\nreject_threshold = 1');
        expect([answer.slice(0, 99), await one.send(spam)]).toEqual([
          answer.slice(0, 99),
          "451 4.3.0 Unable to scan for spam",
        ]);
      } finally {
        await server.close();
      }
    }
  }, 30_000);

  it("says who sends, and leaves out of the fields what cannot be one", async () => {
    const fields = `X-Spam-Level: ${"*".repeat(3000)}\r\nX-Spam-Flag: YES\nFrom: other@far.example\r\n\r\n`;
    const answer = `SPAMD/1.1 0 EX_OK\r\nContent-length: ${fields.length}\r\nSpam: True ; 15.0 / 5.0\r\n\r\n${fields}`;
    const server = await startScripted((socket, _got, ended) => void (ended && socket.end(answer)));
    try {
      const one = await start(server.place, 'user = "vera"');
      expect(await one.send(ham)).toMatch(/^250/);
      expect(one.delivered()).toBe(`X-Spam-Flag: YES\r\nX-Spam-User: vera, 1 recipients\r\n${ham}`);
      const asked = server.got().toString();
      expect(asked).toMatch(
        /^HEADERS SPAMC\/1\.5\r\nContent-length: \d+\r\nUser: vera\r\n\r\nX-Envelope-From: <ann@far\.example>\r\n/,
      );
      expect(asked).toMatch(/\r\nReceived: from client\.example \(.*\[127\.0\.0\.1\]\)\r\n\tby mx\.kontor\.example/);
    } finally {
      await server.close();
    }
  });
});
