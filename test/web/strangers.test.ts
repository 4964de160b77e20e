/** The status page towards those who should not see it, and towards what strangers write in mail; by sockets, no browser. */
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { within } from "../../src/wait/within.ts";
import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { beHostile, hostileSite, places, sign } from "./hostile.ts";
import { password, startSite, token, user } from "./site.ts";
import type { Site } from "./site.ts";

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const basic = (name: string, word: string): string => `Basic ${Buffer.from(`${name}:${word}`).toString("base64")}`;
const bearer = { authorization: `Bearer ${token}` };
/** An error comes before the end, and is none of a test. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once("close", () => resolve()));
const escaped = (text: string): string => text.replaceAll("'", "&#39;");

describe("the status page and strangers", () => {
  let site: Site;
  let nth = 0;
  let slow: Promise<string>;
  let dns: FakeDns;
  beforeAll(async () => {
    const web = `users = ["${user}"]\ntoken_file = "tokens"\nhosts = ["status.kontor.example"]\nproxies = ["127.0.0.1"]\nmax_connections = 20`;
    dns = await startDns();
    for (const [ip, name] of [
      ["127.0.0.66", "<script>window.hacked='ptr'<.partner.example"],
      ["127.0.0.67", "mail.partner.example"],
    ] as const) {
      dns.add(`${ip.split(".").toReversed().join(".")}.in-addr.arpa`, "PTR", name);
      dns.add(name, "A", ip);
    }
    const smtp = `${hostileSite.smtp ?? ""}\nreverse_lookup = true`;
    const more = `${hostileSite.more ?? ""}[dns]\nservers = ["${dns.server}"]\n`;
    site = await startSite({ ...hostileSite, smtp, more, web });
    // Its time limit runs while other tests do.
    slow = heard("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  });
  afterAll(async () => {
    await site?.close();
    await dns?.close();
  });

  /** Asks; each test is another client to the page, which counts wrong passwords by client. */
  function ask(path: string, headers: Record<string, string> = {}, method = "GET", body = ""): Promise<Answered> {
    const url = new URL(site.url);
    const all = { "x-forwarded-for": `203.0.113.${nth}`, ...(body === "" ? {} : form), ...headers };
    return new Promise((resolve, reject) => {
      const asked = request({ host: url.hostname, port: url.port, path, method, headers: all, timeout: 20_000 });
      asked.on("error", reject).on("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      });
      asked.end(body);
    });
  }
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const logIn = (headers: Record<string, string>, more = ""): Promise<Answered> =>
    ask("/login", headers, "POST", new URLSearchParams({ user, password, next: "/list" }).toString() + more);
  const open = (): Socket =>
    connect({ host: "127.0.0.1", port: Number(new URL(site.url).port) }).on("error", () => undefined);
  /** The first line that comes of it, to the end of the connection. @param more is sent again and again */
  async function heard(text: string, more?: string): Promise<string> {
    const socket = open();
    let all = "";
    socket.on("data", (chunk: Buffer) => (all += chunk.toString("latin1")));
    socket.write(text);
    const timer = more === undefined ? undefined : setInterval(() => socket.write(more), 1);
    await within(closed(socket), 20_000, `not closed after ${text}`).finally(() => clearInterval(timer));
    return all.split("\r\n")[0] ?? "";
  }
  const another = (): void => void (nth += 1);

  it("has as text what they wrote, whatever the field", async () => {
    another();
    const replies = await beHostile(site.port);
    // A host name is one, or there is none: from DNS as from a proxy.
    expect(replies).toEqual(["501 5.5.4 Bad NAME attribute value", "501 5.5.4 Bad NAME attribute value"]);
    await expect
      .poll(async () => (await ask("/journal", bearer)).text, { timeout: 15_000, interval: 100 })
      .toContain("login");
    const journal = (await ask("/journal", bearer)).text;
    const refs = [...new Set([...journal.matchAll(/href="(\/message\?ref=[^"]+)"/g)].map(([, to = ""]) => to))];
    expect(refs.length).toBeGreaterThan(2);
    const asked = refs.map(async (to) => (await ask(to, bearer)).text);
    const shown = [journal, ...(await Promise.all(asked))].join("\n");
    for (const place of places) {
      expect(shown, place).toContain(escaped(sign(place)));
      expect(shown, place).not.toContain(sign(place));
    }
    expect(shown).not.toMatch(/<(?:b>|i>|img|svg\/|script>)/i);
  });

  it("shows the name that DNS has for a client, unless it is none", async () => {
    another();
    for (const from of ["127.0.0.66", "127.0.0.67"]) {
      const client = await SmtpClient.open(site.port, from);
      await client.reply();
      for (const command of ["EHLO greeting.example", "MAIL FROM:<>", "RCPT TO:<nobody@kontor.example>", "QUIT"]) {
        await client.command(command);
      }
      client.close();
    }
    const journal = async (): Promise<string> => (await ask("/journal", bearer)).text;
    await expect.poll(journal, { timeout: 15_000, interval: 100 }).toContain("mail.partner.example");
    expect(dns.count("66.0.0.127.in-addr.arpa")).toBeGreaterThan(0);
    expect(await journal()).toMatch(/127\.0\.0\.66<\/div>\s*<div class="soft small">greeting\.example</);
    expect(await journal()).not.toContain("ptr");
  });

  it("has as text what somebody asks for, and searches for nothing else", async () => {
    another();
    const markup = encodeURIComponent(`"><script>alert(1)</script>`);
    for (const path of [
      "/explain?address=",
      "/journal?q=",
      "/journal?since=",
      "/message?ref=",
      "/difference?older=",
      "/login?next=",
    ]) {
      const { text } = await ask(path + markup, bearer);
      expect(text, path).toContain("</html>");
      expect(text, path).not.toContain("<script>alert");
    }
    expect(await ask("/message?ref=198.51.100.7", bearer)).toMatchObject({ status: 404 });
    const control = (await ask("/explain?address=%00%1b%5B2J%E2%80%AEabc@x.example", bearer)).text;
    expect(control).not.toMatch(/[\u0000\u001B\u202E]/);
    for (const path of ["/../../etc/passwd", "/%2e%2e/etc/passwd", "/difference?older=/etc/passwd", "/nothing"]) {
      expect(await ask(path, bearer), path).toMatchObject({
        status: 404,
        text: expect.not.stringContaining("root:") as string,
      });
    }
  });

  it("forbids scripts of others, frames and caches with every answer", async () => {
    another();
    for (const [path, status] of [
      ["/", 303],
      ["/login", 200],
      ["/nothing?x", 303],
      ["/%zz", 303],
    ] as const) {
      const { status: is, headers } = await ask(path);
      expect(is, path).toBe(status);
      expect(headers["content-security-policy"], path).toMatch(
        /^default-src 'none'; style-src 'self'; script-src 'self';/,
      );
      expect(headers["content-security-policy"]).not.toContain("unsafe");
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
      });
    }
    const { text } = await ask("/login");
    expect(text).not.toMatch(/ style=| on\w+=|<script>|<style|https?:\/\/(?!www\.w3)/);
  });

  it("is only for names of its own: no web site can give its name this address", async () => {
    another();
    for (const host of [
      "evil.example",
      "evil.example:8996",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "a b",
    ]) {
      expect(await ask("/login", { host }), host).toMatchObject({ status: 421 });
    }
    for (const host of [
      "localhost:1",
      "LOCALHOST.",
      "127.0.0.1",
      "[::1]:8996",
      "status.kontor.example",
      "Status.Kontor.example:443",
    ]) {
      expect(await ask("/login", { host }), host).toMatchObject({ status: 200 });
    }
  });

  it("takes no form from another site, and nothing but forms and questions", async () => {
    another();
    const host = new URL(site.url).host;
    for (const headers of [
      { origin: "http://evil.example" },
      { origin: "null" },
      { origin: `http://${host}.evil.example` },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: `http://${host}` },
    ] as Record<string, string>[]) {
      expect(await logIn(headers)).toMatchObject({ status: 403 });
      expect(await ask("/logout", headers, "POST")).toMatchObject({ status: 403 });
    }
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]) {
      expect(await ask("/journal", bearer, method), method).toMatchObject({
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    }
    expect(await ask("/journal", bearer, "HEAD")).toMatchObject({ status: 200, text: "" });
  });

  it("opens by form, Basic and Bearer, for accounts that are named, and leads nowhere else", async () => {
    another();
    const { status, headers } = await logIn({ origin: site.url, "sec-fetch-site": "same-origin" });
    expect({ status, to: headers.location }).toEqual({ status: 303, to: "/list" });
    const [cookie = ""] = headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^goodmailto=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const [pair = ""] = cookie.split(";");
    expect(await ask("/", { cookie: pair })).toMatchObject({ status: 200 });
    expect(await ask("/", { cookie: `${pair}x` })).toMatchObject({ status: 303 });
    expect(await ask("/", { authorization: basic(user, password) })).toMatchObject({ status: 200 });
    expect(await ask("/", bearer)).toMatchObject({ status: 200 });
    expect((await ask("/logout", { cookie: pair }, "POST")).headers.location).toBe("/login");
    expect(await ask("/", { cookie: pair })).toMatchObject({ status: 303 });
    for (const next of [
      "//evil.example",
      "https://evil.example/",
      "/\\evil.example",
      "javascript:alert(1)",
      "/nothing",
    ]) {
      const { headers: led } = await logIn({}, `&next=${encodeURIComponent(next)}`.replace("&next", "&next"));
      expect(led.location, next).toBe("/list");
      const { text } = await ask(`/login?next=${encodeURIComponent(next)}`);
      expect(text).toContain('name="next" value="/"');
    }
  });

  it("refuses wrong passwords and tokens, more slowly each time, and at last every one of that client", async () => {
    another();
    const wrong = [
      basic(user, "wrong"),
      // Has an account, and no business here.
      basic("max@kontor.example", "another word 8"),
      basic("(token)", "x"),
      `Bearer ${token.slice(0, -1)}x`,
      `Bearer ${"x".repeat(2000)}`,
      "Digest x",
    ];
    const times: number[] = [];
    for (const authorization of wrong) {
      const began = performance.now();
      const { status, headers } = await ask("/", { authorization });
      times.push(performance.now() - began);
      expect(status, authorization).toBe(401);
      expect(headers["www-authenticate"]).toMatch(/^Basic realm=/);
    }
    expect(times[5]).toBeGreaterThan(300);
    expect(await ask("/", bearer)).toMatchObject({ status: 429 });
    expect(await ask("/", { authorization: basic(user, password) })).toMatchObject({ status: 429 });
    expect(await logIn({})).toMatchObject({ status: 429, text: expect.stringContaining("Too many tries") as string });
    another();
    // Another client is not made to suffer; nor is one that only says that it is another.
    expect(await ask("/", bearer)).toMatchObject({ status: 200 });
    const told = { "x-forwarded-for": `203.0.113.${nth}, 203.0.113.${nth - 1}` };
    expect(await ask("/", { ...bearer, ...told })).toMatchObject({ status: 429 });
  });

  it("ends what is too large, too slow, or too many at a time, and serves on", async () => {
    another();
    const post = `POST /login HTTP/1.1\r\nHost: localhost\r\n`;
    const [large, endless, late, head, target, http2, nameless] = await Promise.all([
      heard(`${post}Content-Length: 999999999\r\n\r\n`),
      heard(`${post}Transfer-Encoding: chunked\r\n\r\n`, `400\r\n${"x".repeat(1024)}\r\n`),
      slow,
      heard(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
      heard(`GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
      heard("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      heard("GET /login HTTP/1.0\r\n\r\n"),
    ]);
    expect(large).toBe("HTTP/1.1 413 Payload Too Large");
    // A reply that is overtaken by the reset of the connection is not read by everybody.
    expect(["HTTP/1.1 413 Payload Too Large", ""]).toContain(endless);
    expect(late).toBe("HTTP/1.1 408 Request Timeout");
    expect(head).toBe("HTTP/1.1 431 Request Header Fields Too Large");
    expect(target).toBe("HTTP/1.1 400 Bad Request");
    expect(nameless).toBe("HTTP/1.1 421 Misdirected Request");
    expect(http2).toMatch(/^HTTP\/1\.1 (?:400|505)/);
    expect(await ask(`/journal?q=${"x".repeat(5000)}`, bearer)).toMatchObject({ status: 400 });
    const idle = Array.from({ length: 20 }, open);
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    const turned = open();
    await within(closed(turned), 10_000, "one too many");
    for (const socket of idle) {
      socket.destroy();
    }
    await expect
      .poll(async () => (await ask("/", bearer).catch(() => undefined))?.status, { timeout: 10_000 })
      .toBe(200);
    expect(site.program.output).not.toMatch(/page failed|its thread/);
  });
});
