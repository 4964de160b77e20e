/** Slow and hostile clients of the receiver, by real sockets: each has an end, and the others are served meanwhile. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";

import { parseFilter, parseValuePath } from "../../src/scim/filter.ts";
import { ScimFault } from "../../src/scim/fault.ts";
import { seed } from "../fuzz/random.ts";
import { startReceiver, token } from "./scene.ts";

async function talk(port: number, text: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(text);
  return socket;
}

/** What it gets until the server closes. */
async function all(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

const head = (length: number): string =>
  `POST /Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${length}\r\n\r\n`;

describe("a slow client", () => {
  it("is ended in its header, in its body, and does not keep others waiting", async () => {
    const { port, user } = await startReceiver({ timeout: 1000 });
    const slow = await Promise.all([
      talk(port, "GET /Users HT"),
      talk(port, head(100)),
      ...Array.from({ length: 12 }, () => talk(port, `${head(100)}{`)),
    ]);
    const ends = slow.map(all);
    expect(await user("a")).not.toBe("");
    for (const text of await Promise.all(ends)) {
      expect(text).toMatch(/^HTTP\/1\.1 (?:408|503) /);
    }
    expect(await user("b")).not.toBe("");
  }, 30_000);
});

describe("a hostile client", () => {
  it("is answered before its body is read if it has no token, or too much to say", async () => {
    const { port, user } = await startReceiver({ body: 1000 });
    const [stranger, big] = await Promise.all([
      talk(port, "POST /Users HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"),
      talk(port, head(1_000_000_000)),
    ]);
    expect(await all(stranger)).toMatch(/^HTTP\/1\.1 401 /);
    expect(await all(big)).toMatch(/^HTTP\/1\.1 413 /);
    const chunked = await talk(port, head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked"));
    chunked.write(`${(2000).toString(16)}\r\n${"x".repeat(2000)}\r\n`);
    expect(await all(chunked)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await user("a")).not.toBe("");
  });

  it("gets no place beyond max_connections, and no host of its own into a location", async () => {
    const { port, ask } = await startReceiver({ connections: 2 });
    const held = await Promise.all([talk(port, ""), talk(port, "")]);
    const third = await talk(port, "GET / HTTP/1.1\r\n\r\n");
    expect(await all(third)).toBe("");
    held.forEach((socket) => socket.destroy());
    await Promise.all(held.filter((socket) => !socket.closed).map((socket) => once(socket, "close")));
    await expect
      .poll(async () => (await ask("GET", "/Users").catch(() => undefined))?.status, { timeout: 5000 })
      .toBe(200);
    const forged = await talk(
      port,
      `GET /ServiceProviderConfig HTTP/1.1\r\nHost: evil" <x>\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(await all(forged)).toContain('"location":"/ServiceProviderConfig"');
  });
});

describe("a client that leaves", () => {
  it("in the middle of its body is nobody's error, and is logged", async () => {
    const { port, user, lines } = await startReceiver();
    const socket = await talk(port, `${head(100)}{`);
    socket.destroy();
    await expect.poll(() => lines.map(({ event }) => event)).toContain("request failed");
    expect(lines.find(({ event }) => event === "request failed")?.fields).toMatchObject({
      ip: "127.0.0.1",
      path: "/Users",
    });
    expect(await user("a")).not.toBe("");
  });
});

describe("any text", () => {
  it("is a filter and a path, or a fault that says so", () => {
    const words = [
      "userName",
      "eq",
      "and",
      "or",
      "not",
      "(",
      ")",
      "[",
      "]",
      ".",
      '"a"',
      '"',
      "pr",
      "true",
      " ",
      ":",
      "urn:x:2.0:User",
    ];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((all) => all.join(" ")),
    );
    for (const parse of [parseFilter, parseValuePath]) {
      fc.assert(
        fc.property(text, (one) => {
          try {
            parse(one);
          } catch (error) {
            expect(error).toBeInstanceOf(ScimFault);
            expect(error).toMatchObject({ status: 400 });
          }
        }),
        { seed, numRuns: 1000 },
      );
    }
  });
});
