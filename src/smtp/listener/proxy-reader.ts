/** Takes the PROXY header off the beginning of a connection, with an end to the wait and to what is read. */
import type { Socket } from "node:net";

import { readProxyHeader } from "./proxy-header.ts";
import type { ProxyHeader } from "./proxy-header.ts";

/** A header, or why the connection cannot go on. `quiet`: nothing was said at all, as by a port check. */
export type HeaderOutcome =
  | Extract<ProxyHeader, { readonly kind: "header" }>
  | { readonly kind: "bad"; readonly why: string; readonly quiet: boolean };

/**
 * Waits for the header. What follows it stays in the socket for whoever reads next.
 * @param time ms for all of it
 * @param done called once. When it gets "bad", the socket is destroyed.
 */
export function takeProxyHeader(socket: Socket, time: number, done: (outcome: HeaderOutcome) => void): void {
  let taken: Buffer = Buffer.alloc(0);
  const finish = (outcome: HeaderOutcome): void => {
    clearTimeout(timer);
    socket.off("readable", read).off("end", ended).off("close", ended).off("error", failed);
    if (outcome.kind === "bad") {
      socket.on("error", () => undefined);
      socket.destroy();
    }
    done(outcome);
  };
  const fail = (why: string): void => finish({ kind: "bad", why, quiet: taken.length === 0 });
  const ended = (): void => fail("it ended the connection before its PROXY header");
  const failed = (error: Error): void => fail(error.message);
  const read = (): void => {
    for (let chunk = take(socket); chunk !== null; chunk = take(socket)) {
      taken = Buffer.concat([taken, chunk]);
      const header = readProxyHeader(taken);
      if (header.kind === "bad") {
        fail(header.why);
        return;
      }
      if (header.kind === "header") {
        const rest = taken.subarray(header.length);
        if (rest.length > 0) {
          socket.unshift(rest);
        }
        finish(header);
        return;
      }
    }
  };
  const timer = setTimeout(() => fail(`no PROXY header in ${time} ms`), time);
  socket.on("readable", read).on("end", ended).on("close", ended).on("error", failed);
}

/** Without an encoding it is bytes, which the type does not know. */
function take(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}
