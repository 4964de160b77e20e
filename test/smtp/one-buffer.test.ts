/** Sockets that a server accepts read into one buffer: with the Node that is installed, too. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { readIntoOneBuffer } from "../../src/smtp/listener/one-buffer.ts";

let server: Server;
const sockets: Socket[] = [];

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  sockets.splice(0).forEach((socket) => socket.destroy());
  server.close();
});

/** Both ends of a connection. */
async function connection(): Promise<{ readonly client: Socket; readonly socket: Socket }> {
  const accepted = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = (await accepted) as [Socket];
  sockets.push(client, socket);
  return { client, socket };
}

it("takes what each socket reads, in the same buffer, and its stream has only the end", async () => {
  const buffers = new Set<Buffer>();
  for (const word of ["EHLO a", "QUIT"]) {
    const { client, socket } = await connection();
    let text = "";
    const isSet = readIntoOneBuffer(socket, (length, buffer) => {
      buffers.add(buffer);
      text += buffer.toString("latin1", 0, length);
      return true;
    });
    expect(isSet).toBe(true);
    const streamed: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => streamed.push(chunk));
    client.write(word);
    await vi.waitFor(() => expect(text).toBe(word));
    const ended = once(socket, "end");
    client.end(".");
    await ended;
    expect([text, streamed]).toEqual([`${word}.`, []]);
  }
  expect(buffers.size).toBe(1);
});

it("reads no more when it is so asked, and goes on where it stopped", async () => {
  const { client, socket } = await connection();
  let read = 0;
  let goesOn = false;
  readIntoOneBuffer(socket, (length) => {
    read += length;
    return goesOn;
  });
  socket.resume();
  client.write("x".repeat(5_000_000));
  await vi.waitFor(() => expect(read).toBeGreaterThan(0));
  const before = read;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(read).toBe(before);
  expect(before).toBeLessThan(5_000_000);
  goesOn = true;
  socket.resume();
  await vi.waitFor(() => expect(read).toBe(5_000_000));
});

it("leaves a socket alone of which something was read already", async () => {
  const { client, socket } = await connection();
  client.write("PROXY");
  await vi.waitFor(() => expect(socket.readableLength).toBe(5));
  expect(readIntoOneBuffer(socket, () => true)).toBe(false);
  expect(String(socket.read())).toBe("PROXY");
});
