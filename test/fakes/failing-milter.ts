/**
 * A small milter that adds a field to each message, rejects what is condemned, and fails at the end of a message as it is
 * told: what a real one does when it is killed, hung, slow, lying, or answers half.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { packet, PacketReader, text } from "../../src/milter/packet.ts";
import { condemned } from "./content-services.ts";
import type { ContentService, Fault } from "./content-services.ts";

/** What it is told of, and says nothing to: macros, abort, quit. */
const silent = new Set(["D", "A", "Q", "K"]);
/** Version 6; it adds header fields, and wants to be told everything. */
const options = Buffer.from([0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0]);
const lies = [
  Buffer.alloc(5),
  packet("Z"),
  Buffer.from("250 2.0.0 Ok\r\n"),
  Buffer.alloc(8, 0xff),
  packet("O", options),
];

/** Starts one. @param faultOf how it fails at a message: header and body as it was told */
export async function startFailingMilter(faultOf: (message: string) => Fault): Promise<ContentService> {
  const open = new Set<Socket>();
  let asked = 0;
  const server = createServer((socket) => {
    open.add(socket);
    asked++;
    socket.on("close", () => open.delete(socket)).on("error", () => undefined);
    serve(socket, faultOf);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    place: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    close: async () => {
      open.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  };
}

function serve(socket: Socket, faultOf: (message: string) => Fault): void {
  const reader = new PacketReader();
  let message = "";
  socket.on("data", (chunk: Buffer) => {
    for (const { letter, data } of reader.take(chunk)) {
      if (letter === "O") {
        socket.write(packet("O", options));
      } else if (letter === "E") {
        message += data.toString("latin1");
        void conclude(socket, faultOf(message), message.includes(condemned));
        message = "";
      } else if (silent.has(letter)) {
        message = letter === "A" ? "" : message;
      } else {
        message += letter === "L" || letter === "B" ? data.toString("latin1").replaceAll("\0", ": ") : "";
        socket.write(packet("c"));
      }
    }
  });
}

async function conclude(socket: Socket, fault: Fault, isCondemned: boolean): Promise<void> {
  const added = packet("h", text("X-Milter"), text("seen"));
  const answer = isCondemned ? packet("r") : Buffer.concat([added, packet("a")]);
  switch (fault) {
    case "none":
      socket.write(answer);
      return;
    case "slow":
      for (const byte of answer) {
        socket.write(Buffer.from([byte]));
        await delay(0);
      }
      return;
    case "half":
      socket.end(isCondemned ? answer.subarray(0, 3) : added);
      return;
    case "lying":
      socket.write(lies[socket.bytesRead % lies.length] ?? packet("Z"));
      return;
    case "early":
    case "closed":
      socket.end();
      return;
    case "reset":
      socket.resetAndDestroy();
      return;
    case "hung":
      return;
  }
}
