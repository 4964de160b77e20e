/**
 * A socket of each relay process at which commands of its own user, and of root, ask it: one question a connection, a
 * line of JSON, and one answer. Its mode keeps others out.
 */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";

import { errorCode, errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { bindUnix } from "./unix-socket.ts";

/** Octets of a question. */
const longest = 4096;
/** How long a question may take, ms. */
const patience = 2000;
/** Questions at a time. */
const most = 20;

/** Answers a question with plain data; undefined: it is none. */
export type Answerer = (question: Readonly<Record<string, unknown>>) => unknown;

/** Listens in a folder, if that is there and may be written to; never rejects. @returns what closes it */
export async function serveControl(folder: string, answer: Answerer, log: Log): Promise<() => void> {
  if (folder === "") {
    return () => undefined;
  }
  const path = join(folder, `relay-${process.pid}.sock`);
  const server = createServer((socket) => take(socket, answer, log));
  server.maxConnections = most;
  try {
    await bindUnix(server, { path, mode: "600", group: "" });
  } catch (error) {
    // Without the folder of the systemd unit there is no socket, and nobody misses it.
    const level = ["ENOENT", "EACCES", "EROFS"].includes(errorCode(error)) ? "debug" : "warning";
    log[level]("relay", "no control socket", { path, why: errorMessage(error) });
    return () => undefined;
  }
  server.unref().on("error", (error) => log.warning("relay", "control socket", { path, why: error.message }));
  return () => close(server);
}

/** Node removes the path. */
function close(server: Server): void {
  server.close();
}

function take(socket: Socket, answer: Answerer, log: Log): void {
  let text = "";
  const late = setTimeout(() => socket.destroy(), patience).unref();
  socket.unref();
  socket.on("error", () => undefined).once("close", () => clearTimeout(late));
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    const end = text.indexOf("\n");
    if (end < 0) {
      if (text.length > longest) {
        socket.destroy();
      }
      return;
    }
    socket.removeAllListeners("data").resume();
    void reply(text.slice(0, end), answer, log).then((line) => socket.end(line));
  });
}

/** Never rejects. */
async function reply(line: string, answer: Answerer, log: Log): Promise<string> {
  try {
    const question: unknown = JSON.parse(line);
    const said = typeof question === "object" && question !== null ? await answer({ ...question }) : undefined;
    return `${JSON.stringify(said ?? { error: "not a question" })}\n`;
  } catch (error) {
    const why = errorMessage(error);
    log.warning("relay", "control socket: question not answered", { why });
    return `${JSON.stringify({ error: why })}\n`;
  }
}
