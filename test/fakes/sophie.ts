/** A daemon that answers as sophie did: the path of a file and a line feed, then `0` or `1:NAMES`. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";

/** Names what it finds in a file, by lines "VIRUS name". */
export async function startSophie(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket
      .on("data", (line) => {
        const names = readFileSync(String(line).trimEnd(), "latin1").match(/(?<=^VIRUS )\S+/gm) ?? [];
        socket.end(names.length === 0 ? "0" : `1:${names.join(",")}`);
      })
      .on("error", () => socket.destroy());
  }).listen(path);
  await once(server, "listening");
  return server;
}
