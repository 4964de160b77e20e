/** Lines to a syslog server by UDP, RFC 5426. A lost datagram is not noticed: TCP is for those who mind. */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

import { errorCode } from "../report/error-message.ts";
import type { Endpoint } from "../mail/network.ts";
import { textOf } from "./line.ts";
import { lostLine } from "./sink.ts";
import type { Level, Sink } from "./sink.ts";
import { syslogMessage } from "./syslog-line.ts";

/** Datagrams that may wait, for a name server or for the kernel. */
const mostWaiting = 10_000;

/** The sink of one server. */
export function openSyslogUdp({ host, port }: Endpoint, now: () => number): Sink {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4").unref();
  let waiting = 0;
  let lost = 0;
  let why = "";
  const lose = (reason: string): void => {
    lost += 1;
    why = reason;
  };
  const send = (level: Level, line: string): void => {
    waiting += 1;
    socket.send(syslogMessage(level, line, now()), port, host, (error) => {
      waiting -= 1;
      if (error !== null) {
        lose(errorCode(error) || error.message);
      }
    });
  };
  socket.on("error", (error: NodeJS.ErrnoException) => lose(error.code ?? error.message));
  return {
    write(level, line) {
      if (waiting >= mostWaiting) {
        return lose("too many lines at a time");
      }
      if (lost > 0 && waiting === 0) {
        const text = lostLine(lost, why);
        lost = 0;
        send("warning", text);
      }
      send(level, textOf(line));
    },
    reopen: () => undefined,
    close: () => new Promise((resolve) => setImmediate(resolve)),
  };
}
