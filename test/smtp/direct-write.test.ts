/** Replies go past the stream of a socket, with the Node that is installed, too; nothing is lost when nobody reads. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, it, vi } from "vitest";

import { writeDirectly } from "../../src/smtp/listener/direct-write.ts";
import { Outgoing } from "../../src/smtp/listener/outgoing.ts";

const sockets: Socket[] = [];
const servers: Server[] = [];

afterEach(() => {
  sockets.splice(0).forEach((socket) => socket.destroy());
  servers.splice(0).forEach((server) => server.close());
});

/** Both ends of a connection. @param path not given: of TCP */
async function connection(path?: string): Promise<{ readonly client: Socket; readonly socket: Socket }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  servers.push(server);
  await once(path === undefined ? server.listen(0, "127.0.0.1") : server.listen(path), "listening");
  const address = server.address();
  const accepted = once(server, "connection");
  const client =
    typeof address === "object" && address !== null ? connect(address.port, "127.0.0.1") : connect(path ?? "");
  const [socket] = (await accepted) as [Socket];
  sockets.push(client, socket);
  return { client, socket };
}

/** A socket whose texts go directly: Node has written a first one. */
async function learned(): Promise<Awaited<ReturnType<typeof connection>>> {
  const both = await connection();
  if (!writeDirectly(both.socket, "220", late)) {
    both.socket.write("220", "latin1");
  }
  await once(both.client, "readable");
  expect(String(both.client.read())).toBe("220");
  return both;
}

const late = (): (() => void) => expect.unreachable("the system takes a short text at once");
const textOf = (number: number): string => `250 ${String(number).padStart(9, "0")} ${"x".repeat(1000)}\r\n`;

/** Fills what the system takes for a client that does not read. @returns how many texts that were */
function fill(outgoing: Outgoing): number {
  let count = 0;
  while (!outgoing.isLate) {
    outgoing.write(textOf(count++));
    outgoing.uncork();
  }
  return count;
}

it("writes past the stream what Node has shown how to write", async () => {
  const { client, socket } = await learned();
  const streamed = vi.spyOn(socket, "_write");
  expect(writeDirectly(socket, "250 \xfc\r\n", late)).toBe(true);
  expect(writeDirectly(socket, "250 b\r\n", late)).toBe(true);
  await vi.waitFor(() => expect(client.readableLength).toBe(14));
  expect(client.read()).toEqual(Buffer.from("250 \xfc\r\n250 b\r\n", "latin1"));
  expect(streamed).not.toHaveBeenCalled();
});

it("leaves to the stream what is not of TCP, and what has something before it there", async () => {
  await learned();
  const { socket: local } = await connection(join(tmpdir(), `goodmailto-direct-${process.pid}.sock`));
  expect(writeDirectly(local, "250\r\n", late)).toBe(false);
  const { socket } = await learned();
  socket.cork();
  socket.write("220\r\n", "latin1");
  expect(writeDirectly(socket, "250\r\n", late)).toBe(false);
});

it("keeps the order, and knows that it is late, until a client reads that did not", async () => {
  const { client, socket } = await learned();
  const outgoing = new Outgoing(() => socket);
  let count = fill(outgoing);
  expect(socket.writableLength).toBe(0);
  for (const end = count + 20; count < end; count++) {
    outgoing.write(textOf(count));
    outgoing.uncork();
  }
  expect(socket.writableLength).toBe(20 * textOf(0).length);
  // What the system has not taken leaves before the FIN.
  socket.end();
  let text = "";
  client.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  await once(client, "end");
  expect(outgoing.isLate).toBe(false);
  expect(text === Array.from({ length: count }, (_, i) => textOf(i)).join("")).toBe(true);
});

it("ends a socket whose client is gone as its stream would, whether the text waited or not", async () => {
  const { client, socket } = await learned();
  client.resetAndDestroy();
  await once(client, "close");
  const failed = once(socket, "error");
  const tries = setInterval(() => writeDirectly(socket, "250\r\n", late), 1);
  const [error] = (await failed) as [NodeJS.ErrnoException];
  clearInterval(tries);
  expect(error.message).toBe(`write ${error.code}`);
  expect(["EPIPE", "ECONNRESET"]).toContain(error.code);
  expect(socket.destroyed).toBe(true);

  const other = await learned();
  const outgoing = new Outgoing(() => other.socket);
  fill(outgoing);
  const alsoFailed = once(other.socket, "error");
  other.client.resetAndDestroy();
  await alsoFailed;
  expect(other.socket.destroyed).toBe(true);
  await vi.waitFor(() => expect(outgoing.isLate).toBe(false));
});
