/**
 * Node's `net` with canned replies: the limit of Node. `node test/bench/canned.ts VALID [PORT] [PROCESSES]`; prints its
 * port, which its processes share as ours do. Knows the valid addresses from a Set, looks at nothing else, throws messages
 * away.
 */
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

const [valid = "/dev/null", wantedPort = "0", processes = "1"] = process.argv.slice(2);
const known = new Set(readFileSync(valid, "latin1").trimEnd().split("\n"));
const greeting = "220 canned.example ESMTP\r\n";
const features = "250-canned.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";

function answer(line: string): string {
  switch (line.slice(0, 4)) {
    case "RCPT":
      return known.has(line.slice(9, -1)) ? "250 2.1.5 OK\r\n" : "550 5.1.1 No such user\r\n";
    case "EHLO":
      return features;
    case "DATA":
      return "354 Go\r\n";
    case "QUIT":
      return "221 2.0.0 Bye\r\n";
  }
  return "250 2.0.0 OK\r\n";
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  let rest = "";
  let inData = false;
  socket.write(greeting);
  socket.on("error", () => undefined);
  socket.on("end", () => socket.end());
  socket.on("data", (chunk) => {
    rest += chunk.toString("latin1");
    let replies = "";
    for (;;) {
      const end = inData ? rest.indexOf("\r\n.\r\n") : rest.indexOf("\r\n");
      if (end < 0) {
        rest = inData ? rest.slice(-4) : rest;
        break;
      }
      const line = inData ? "" : rest.slice(0, end);
      rest = rest.slice(end + (inData ? 5 : 2));
      replies += answer(line);
      inData = line.startsWith("DATA");
      if (line.startsWith("QUIT")) {
        socket.end(replies);
        return;
      }
    }
    if (replies !== "") {
      socket.write(replies);
    }
  });
});
const shared = processes === "1" ? {} : { reusePort: true };
server.listen({ port: Number(wantedPort), host: "127.0.0.1", backlog: 4096, ...shared }, () => {
  const { port } = server.address() as AddressInfo;
  // The first one starts the others, and waits until they listen: all of them end with their group.
  const isFirst = process.send === undefined;
  const others = isFirst ? Array.from({ length: Number(processes) - 1 }, () => startOther(port)) : [];
  void Promise.all(others).then(() => (isFirst ? process.stdout.write(`${port}\n`) : process.send?.("listening")));
});
process.on("SIGTERM", () => process.exit());

function startOther(port: number): Promise<unknown> {
  const child = fork(import.meta.filename, [valid, String(port), processes]);
  process.once("exit", () => child.kill());
  return new Promise((resolve) => child.once("message", resolve));
}
