/** rspamd: the real one rejects and passes; a small server says what else it may say. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { createAuthority } from "../../fakes/certificates.ts";
import { missing } from "../../fakes/need.ts";
import { startRspamd } from "../../fakes/rspamd.ts";
import type { Rspamd } from "../../fakes/rspamd.ts";
import { startScripted } from "../../fakes/scripted.ts";
import { gtube } from "../../fakes/spamd.ts";
import { MailScene } from "./mail-scene.ts";

const spam = `From: a@far.example\r\nSubject: hello\r\n\r\n${gtube}\r\n`;
const ham = "From: a@far.example\r\nSubject: hello\r\nX-Spam: forged\r\n\r\nHello\r\n";
const unable = "451 4.3.0 Unable to scan for spam";

let scene: MailScene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

async function start(place: string, more = ""): Promise<MailScene> {
  await scene?.close();
  scene = await MailScene.start({ rspamd: `server = "${place}"\n${more}` });
  return scene;
}

describe.skipIf(missing("rspamd"))("rspamd with the real one", () => {
  let rspamd: Rspamd;
  beforeAll(async () => {
    rspamd = await startRspamd();
  }, 90_000);
  afterAll(async () => {
    await rspamd.close();
  });

  it("refuses what it rejects, passes what it passes, and is missed when it is hung or killed", async () => {
    for (const headers of ["add", "none"]) {
      const one = await start(rspamd.place, `headers = "${headers}"`);
      expect(await one.send(spam)).toBe("554 5.7.1 Gtube pattern");
      expect(await one.send(ham)).toMatch(/^250/);
      expect(one.delivered()).toBe(headers === "add" ? ham.replace("X-Spam: forged\r\n", "") : ham);
    }
    rspamd.freeze();
    const hung = await start(rspamd.place, 'timeout = "300ms"\non_error = "defer"');
    expect(await hung.send(spam)).toBe(unable);
    rspamd.thaw();
    expect(await hung.send(spam)).toMatch(/^554/);
    await rspamd.kill();
    expect(await hung.send(spam)).toBe(unable);
    const open = await start(rspamd.place);
    expect(await open.send(spam)).toMatch(/^250/);
  }, 60_000);
});

describe("rspamd over https", () => {
  it("is asked if its certificate is one of ca_file for its host, and not otherwise", async () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-rspamd-tls-"));
    const authority = await createAuthority(folder);
    const issued = await authority.issue("rspamd", "IP:127.0.0.1");
    const other = await createAuthority(folder, "other");
    const pair = { cert: readFileSync(issued.certificate), key: readFileSync(issued.key) };
    const server = createSecureServer(pair, (request, response) => {
      request.resume().on("end", () => response.end(JSON.stringify({ action: "reject", score: 20 })));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const ask = async (host: string, file: string): Promise<string | undefined> => {
        const more = `${file === "" ? "" : `ca_file = "${file}"\n`}on_error = "defer"`;
        return (await start(`https://${host}:${port}`, more)).send(ham);
      };
      expect(await ask("127.0.0.1", authority.ca)).toBe("554 5.7.1 Spam message rejected");
      expect(await ask("localhost", authority.ca)).toBe(unable);
      expect(await ask("127.0.0.1", other.ca)).toBe(unable);
      expect(await ask("127.0.0.1", "")).toBe(unable);
      expect(await ask("127.0.0.1", issued.key)).toBe(unable);
      expect(scene?.log).toContain("holds a private key");
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  }, 30_000);
});

describe("rspamd with a small server", () => {
  /** What one answer makes of a message: reply, what is delivered, what the server was asked. */
  async function judged(answer: unknown, status = 200, more = 'on_error = "defer"') {
    const asked: { headers?: IncomingHttpHeaders; url?: string | undefined; body: string } = { body: "" };
    const server = createServer((request, response) => {
      asked.headers = request.headers;
      asked.url = request.url;
      request.on("data", (chunk: Buffer) => (asked.body += chunk.toString()));
      request.on("end", () => {
        response.writeHead(status).end(typeof answer === "string" ? answer : JSON.stringify(answer));
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const one = await start(`127.0.0.1:${(server.address() as AddressInfo).port}`, more);
      const reply = await one.send(ham, ["anna@kontor.example", "bert@kontor.example"]);
      return { reply, delivered: one.delivered(), asked };
    } finally {
      server.close();
    }
  }
  const weighed = (action: string, more: object = {}) => ({ action, score: 7, required_score: 15, ...more });
  const ours = ham.replace("X-Spam: forged\r\n", "");

  it("defers on soft reject and greylist, and says rspamd's text or its own", async () => {
    expect((await judged(weighed("soft reject"))).reply).toBe("451 4.7.1 Try again later");
    const message = { messages: { smtp_message: "Greylisted\r\n250 OK" } };
    expect((await judged(weighed("greylist", message))).reply).toBe("451 4.7.1 Greylisted??250 OK");
    expect((await judged(weighed("reject"))).reply).toBe("554 5.7.1 Spam message rejected");
  });

  it("adds, removes and rewrites, and nothing that cannot be a field", async () => {
    const milter = {
      add_headers: {
        "X-Score": { value: "7 of 15", order: 1 },
        "X-Many": ["one", { value: "two\r\nBcc: x@y" }],
        "X Bad": "name",
        "X-Utf": "schön",
      },
      remove_headers: { From: 0, "Not there": 1 },
    };
    const { reply, delivered } = await judged(weighed("rewrite subject", { subject: "[SPAM] hello", milter }));
    expect(reply).toMatch(/^250/);
    expect(delivered).toBe(
      "X-Spam: Yes\r\nX-Score: 7 of 15\r\nX-Many: one\r\nX-Many: two Bcc: x@y\r\n" +
        `X-Utf: ${Buffer.from("schön").toString("latin1")}\r\nSubject: [SPAM] hello\r\n\r\nHello\r\n`,
    );
    expect((await judged(weighed("add header"))).delivered).toBe(`X-Spam: Yes\r\n${ours}`);
    expect((await judged(weighed("no action"))).delivered).toBe(ours);
    expect((await judged(weighed("discard"), 200, 'discard = "accept"')).delivered).toBe(ours);
  });

  it("loses no message that rspamd would discard: it is refused, or delivered", async () => {
    const { reply, delivered } = await judged(weighed("discard"));
    expect([reply, delivered]).toEqual(["554 5.7.1 Spam message rejected", ""]);
    expect((await judged(weighed("discard"), 200, 'discard = "accept"')).reply).toMatch(/^250/);
  });

  it("tells rspamd who sends to whom", async () => {
    const { asked } = await judged(weighed("no action"));
    expect(asked.url).toBe("/checkv2");
    expect(asked.headers).toMatchObject({
      ip: "127.0.0.1",
      helo: "client.example",
      from: "ann@far.example",
      rcpt: "anna@kontor.example, bert@kontor.example",
    });
    expect(asked.body).toBe(ham);
  });

  it("takes no other answer for an answer", async () => {
    for (const answer of ["", "{", "[]", "null", '"reject"', { action: "reject" }, { action: 1, score: 1 }]) {
      expect([answer, (await judged(answer)).reply]).toEqual([answer, unable]);
    }
    expect((await judged(weighed("reject"), 500)).reply).toBe(unable);
    expect((await judged(`${" ".repeat(2_000_000)}{}`)).reply).toBe(unable);
    const half = await startScripted((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"action":'));
    try {
      expect(await (await start(half.place, 'on_error = "refuse"')).send(ham)).toBe(
        "554 5.3.0 Unable to scan for spam",
      );
    } finally {
      await half.close();
    }
  }, 30_000);
});
