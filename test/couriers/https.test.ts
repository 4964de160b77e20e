/** next_hop = "https://…" with a real nginx and a web server behind it: 250 only for what they have whole. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { checkConfig } from "../../src/config/load.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { formatFault } from "../../src/config/toml.ts";
import { missing } from "../fakes/need.ts";
import { startNginx } from "../fakes/nginx.ts";
import type { Nginx } from "../fakes/nginx.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { ScriptedMilter } from "../fakes/milter-script.ts";
import { startWebHop } from "../fakes/web-hop.ts";
import type { WebHop } from "../fakes/web-hop.ts";
import { hello, send } from "../relay/scene.ts";
import { closePlaces, placeScene } from "./place-scene.ts";

afterEach(closePlaces);

const unavailable = "451 4.4.1 Next hop is not available, try again later";

describe.skipIf(missing("nginx"))("a web server as the next hop", () => {
  let web: WebHop;
  let nginx: Nginx;
  beforeAll(async () => {
    web = await startWebHop();
    const proxy = `proxy_pass http://127.0.0.1:${web.port};`;
    nginx = await startNginx(
      "relay:{PLAIN}geheim",
      `location /open { ${proxy} }
       location /streamed { proxy_request_buffering off; proxy_http_version 1.1; ${proxy} }
       location /small { client_max_body_size 10k; ${proxy} }
       location /closed { auth_basic "x"; auth_basic_user_file htpasswd; ${proxy} }
       location /away { proxy_pass http://127.0.0.1:1; }`,
    );
  });
  beforeEach(() => {
    web.answer = 200;
  });
  afterAll(async () => {
    await nginx.stop();
    await web.close();
  });

  const routeTo = (path: string, more = ""): string =>
    `next_hop = "https://localhost:${nginx.port}/${path}"\nca_file = "ca.pem"\n${more}`;

  async function relayTo(path: string, more = "", config = ""): Promise<TestRelay> {
    const { relay } = await placeScene(routeTo(path, more), {
      files: { "ca.pem": readFileSync(nginx.authority.ca, "utf8"), password: "geheim\n" },
      config,
    });
    return relay;
  }

  async function sendOne(relay: TestRelay, recipients?: string[], text?: string): Promise<string[]> {
    const client = await hello(relay);
    const replies = await send(client, recipients, text);
    client.close();
    return replies;
  }

  it("gets the message byte for byte, with its envelope in the header", async () => {
    const relay = await relayTo("open?box=1");
    const text = "Subject: x\r\n\r\n..dot\r\n...\r\n\xff\xfe caf\xe9\r\nend";
    expect(await sendOne(relay, ["a@kontor.example", "B@kontor.example"], text)).toEqual([
      "250 2.1.5 Recipient OK",
      "250 2.1.5 Recipient OK",
      expect.stringMatching(/^354/),
      "250 2.0.0 Delivered",
    ]);
    const last = web.posted.at(-1);
    expect(last?.body.toString("latin1")).toMatch(
      /^Received: [^]*\r\nSubject: x\r\n\r\n\.dot\r\n\.\.\r\n\xff\xfe caf\xe9\r\nend\r\n$/,
    );
    expect(last?.to).toEqual(["a@kontor.example", "B@kontor.example"]);
    expect(last?.headers).toMatchObject({ "content-type": "message/rfc822", "x-envelope-from": "s@sender.example" });
    expect(relay.log.join("\n")).toContain(`session=${String(last?.headers["x-session"])}`);
  });

  it("can tell a message that comes again by its Idempotency-Key", async () => {
    const relay = await relayTo("open");
    const keys: unknown[] = [];
    for (const [status, to, text] of [
      [503, "a", "x"],
      [200, "a", "x"],
      [200, "b", "x"],
      [200, "a", "y"],
    ] as const) {
      web.answer = status;
      await sendOne(relay, [`${to}@kontor.example`], `Subject: x\r\n\r\n${text}`);
      keys.push(web.posted.at(-1)?.headers["idempotency-key"]);
    }
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
    expect([keys[1] === keys[0], new Set(keys).size]).toEqual([true, 3]);
  });

  it("can tell it also below fields that a milter puts above the relay's own", async () => {
    const milter = new ScriptedMilter({ end: ["i\0\0\0\0X-Top\0yes\0", "c"] });
    await milter.open();
    const relay = await relayTo(
      "open",
      "",
      `[checks]\nrun = ["milter"]\n[checks.milter]\nurl = "inet:127.0.0.1:${milter.port}"`,
    );
    const keys: unknown[] = [];
    for (const text of ["", "", "x"]) {
      await sendOne(relay, undefined, `\r\n${text}`);
      keys.push(web.posted.at(-1)?.headers["idempotency-key"]);
    }
    await milter.close();
    expect(web.posted.at(-1)?.body.toString("latin1")).toMatch(/^X-Top: yes\r\nReceived: [^]*\r\n\r\nx\r\n$/);
    expect([keys[1] === keys[0], keys[2] === keys[0]]).toEqual([true, false]);
  });

  it("gets 25 MB whole, and one that it finds too large is a 552", async () => {
    const text = `Subject: big\r\n\r\n${"0123456789abcdef".repeat(4).concat("\r\n").repeat(390_000)}end`;
    const relay = await relayTo(
      "open",
      "",
      '[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nmax_message_size = "40MB"',
    );
    expect((await sendOne(relay, undefined, text)).at(-1)).toBe("250 2.0.0 Delivered");
    const { body, whole } = web.posted.at(-1) ?? {};
    expect([whole, body?.subarray(-text.length - 2).toString("latin1") === `${text}\r\n`]).toEqual([true, true]);
    expect((await sendOne(await relayTo("small"), undefined, text.slice(0, 20_000))).at(-1)).toBe(
      "552 5.3.4 Message too large",
    );
  });

  it.each([
    [201, "250 2.0.0 Delivered"],
    [204, "250 2.0.0 Delivered"],
    [302, unavailable],
    [400, "554 5.3.0 Message refused"],
    [401, "554 5.3.0 Message refused"],
    [403, "554 5.3.0 Message refused"],
    [404, "554 5.3.0 Message refused"],
    [407, "554 5.3.0 Message refused"],
    [408, unavailable],
    [413, "552 5.3.4 Message too large"],
    [425, unavailable],
    [429, unavailable],
    [500, unavailable],
    [503, unavailable],
  ])("that says %i makes it %s", async (status, said) => {
    const relay = await relayTo("open");
    web.answer = status;
    expect((await sendOne(relay)).at(-1)).toBe(said);
    if (said === unavailable) {
      expect(relay.log.join("\n")).toMatch(new RegExp(`https: not delivered .*why="status ${status}`));
    }
  });

  it("that resets in mid-body, hangs or is gone is a 451", async () => {
    const body = `Subject: x\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(20_000)}`;
    web.answer = { reset: 100_000 };
    expect((await sendOne(await relayTo("streamed"), undefined, body)).at(-1)).toBe(unavailable);
    web.answer = "hang";
    expect((await sendOne(await relayTo("open", 'data_timeout = "400ms"'))).at(-1)).toMatch(/^451 4\.4\.1 /);
    expect((await sendOne(await relayTo("away"))).at(-1)).toBe(unavailable);
    const { relay } = await placeScene('next_hop = "https://127.0.0.1:1/"');
    expect((await sendOne(relay)).at(-1)).toBe(unavailable);
    expect(relay.log.join("\n")).toMatch(/https: not delivered .*ECONNREFUSED/);
  });

  it("that says 200 before it has the message is not believed", async () => {
    web.answer = "hasty";
    const body = `Subject: x\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(200_000)}`;
    const relay = await relayTo("streamed");
    expect((await sendOne(relay, undefined, body)).at(-1)).toBe(unavailable);
    expect(relay.log.join("\n")).toContain("before it had the message");
  });

  it("whose certificate is of another authority gets nothing", async () => {
    const before = web.posted.length;
    const { relay } = await placeScene(`next_hop = "https://localhost:${nginx.port}/open"`);
    expect((await sendOne(relay)).at(-1)).toBe(unavailable);
    expect(web.posted).toHaveLength(before);
  });

  it("is shown the password, which is read for each message", async () => {
    const relay = await relayTo("closed", 'user = "relay"\npassword_file = "password"');
    expect((await sendOne(relay)).at(-1)).toBe("250 2.0.0 Delivered");
    writeFileSync(join(relay.folder, "password"), "\n");
    expect((await sendOne(relay)).at(-1)).toBe(unavailable);
    expect(relay.log.join("\n")).toContain("gives no password");
    writeFileSync(join(relay.folder, "password"), "wrong\n");
    expect((await sendOne(relay)).at(-1)).toBe("554 5.3.0 Message refused");
    expect(relay.log.join("\n")).toMatch(/https: refused .*status=401/);
    expect(relay.log.join("\n")).not.toContain("wrong");
  });

  it("gets as many recipients at a time as a header takes", async () => {
    const relay = await relayTo("open");
    const replies = await sendOne(
      relay,
      Array.from({ length: 90 }, (_, i) => `r${i}@kontor.example`),
    );
    expect(replies.slice(79, 82)).toEqual([
      "250 2.1.5 Recipient OK",
      ...Array<string>(2).fill("452 4.5.3 Too many recipients"),
    ]);
    expect([replies.at(-1), web.posted.at(-1)?.to.length]).toEqual(["250 2.0.0 Delivered", 80]);
  });

  it("gets nothing of a message that its client did not end", async () => {
    const before = web.posted.length;
    const relay = await relayTo("open");
    const client = await hello(relay);
    for (const line of ["MAIL FROM:<>", "RCPT TO:<a@kontor.example>", "DATA"]) {
      await client.command(line);
    }
    client.write("Subject: half\r\n\r\nhalf a line");
    client.close();
    expect((await sendOne(relay)).at(-1)).toBe("250 2.0.0 Delivered");
    expect(web.posted).toHaveLength(before + 1);
  });

  it("gets a message whole that was under way when the configuration was read again", async () => {
    const relay = await relayTo("open");
    const client = await hello(relay);
    for (const line of ["MAIL FROM:<s@sender.example>", "RCPT TO:<a@kontor.example>", "DATA"]) {
      await client.command(line);
    }
    client.write("Subject: x\r\n\r\nfirst half\r\n");
    copyFileSync(join(relay.folder, "ca.pem"), join(relay.folder, "other.pem"));
    relay.reload(`[[route]]\ndomain = "*"\n${routeTo("away").replace("ca.pem", "other.pem")}`);
    expect(await client.command("second half\r\n.")).toBe("250 2.0.0 Delivered");
    expect(web.posted.at(-1)?.body.toString()).toMatch(/first half\r\nsecond half\r\n$/);
    client.close();
    expect((await sendOne(relay)).at(-1)).toBe(unavailable);
  });
});

describe("a route to a web server", () => {
  const faultsOf = (text: string): string => {
    const loaded = checkConfig(
      `[domains]\nrelay = ["kontor.example"]\n[[route]]\ndomain = "*"\n${text}`,
      "/tmp/c.toml",
      schemaFor,
      [],
    );
    return loaded.kind === "faults" ? loaded.faults.map(formatFault).join("\n") : "";
  };

  it.each(["https:", "https:host/path", "https:///path", "https://user:word@host/", "http://host/", "https://host/#x"])(
    "is not %s",
    (hop) => {
      expect(faultsOf(`next_hop = "${hop}"`)).toMatch(/next_hop: must be .*"https:\/\/host\/path"/);
    },
  );

  it("needs a password for its user", () => {
    expect(faultsOf('next_hop = "https://host/"\nuser = "x"')).toMatch(/user: needs password_file/);
    expect(faultsOf('next_hop = "https://host/"\nuser = "x"\npassword_file = "p"')).toBe("");
  });
});
