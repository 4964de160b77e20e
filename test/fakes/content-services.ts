/**
 * clamd, spamd and rspamd as small servers on loopback that speak the protocols of the real ones, and fail as they are
 * told for each message: what a test has to know of a service that is there, hung, slow, lying, or answers half.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** How a service fails at a message. `early`: it answers before it has the whole message. */
export type Fault = "none" | "slow" | "reset" | "closed" | "hung" | "lying" | "half" | "early";

/** Faults after which there is no answer that counts. */
export const noAnswer: readonly Fault[] = ["reset", "closed", "hung", "lying", "half", "early"];

/** A word in a message that an honest service condemns. */
export const condemned = "CONDEMNED";

export type ServiceName = "clamd" | "spamd" | "rspamd";

/** A running one. */
export interface ContentService {
  /** host:port */
  readonly place: string;
  /** How often it was asked. */
  readonly asked: () => number;
  close(): Promise<void>;
}

/** What a service says. */
interface Protocol {
  /** The last bytes of a request that may be complete; a request that has others is not looked at: it may be long. */
  readonly end?: Buffer;
  /** The message of a request that is complete; undefined: there is more to come. */
  message(request: Buffer, ended: boolean): Buffer | undefined;
  answer(isCondemned: boolean): string;
  readonly lies: readonly string[];
}

function score(isCondemned: boolean): string {
  const fields = `X-Spam-Flag: ${isCondemned ? "YES" : "NO"}\r\nX-Spam-Status: by a test\r\n\ttwo lines\r\n\r\n`;
  const header = `SPAMD/1.1 0 EX_OK\r\nContent-length: ${fields.length}\r\nSpam: ${isCondemned ? "True ; 25.0" : "False ; 1.0"} / 5.0\r\n\r\n`;
  return `${header}${fields}`;
}

function http(body: string, length: number = body.length): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
}

function weighed(isCondemned: boolean): string {
  const milter = { add_headers: { "X-Spam-Score": { value: "7", order: 0 } }, remove_headers: { "X-Spam-Note": 0 } };
  return JSON.stringify({ action: isCondemned ? "reject" : "no action", score: 7, required_score: 15, milter });
}

const protocols: Readonly<Record<ServiceName, Protocol>> = {
  clamd: {
    end: Buffer.alloc(4),
    message: (request) => readChunks(request.subarray("zINSTREAM\0".length)),
    answer: (isCondemned) => (isCondemned ? "stream: Test.Virus FOUND\0" : "stream: OK\0"),
    lies: ["OK\0", "stream: O", "220 mail.example ESMTP\r\n", "stream: OK FOUND ERROR\0", "x".repeat(9000), "\0"],
  },
  spamd: {
    message: (request, ended) => (ended ? counted(request) : undefined),
    answer: score,
    lies: [
      "SPAMD/1.1 76 Bad header line\r\n\r\n",
      "SPAMD/1.1 0 EX_OK\r\nSpam: Maybe\r\n\r\n",
      "SPAMD/1.1 0 EX_OK\r\nContent-length: 500\r\nSpam: True ; 99.0 / 5.0\r\n\r\nX-Spam-Flag: YES\r\n",
      "HTTP/1.1 200 OK\r\n\r\n",
    ],
  },
  rspamd: {
    message: counted,
    answer: (isCondemned) => http(weighed(isCondemned)),
    lies: [
      http("{"),
      http("[]"),
      http('{"action":"reject"}'),
      "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
      "220 no\r\n",
    ],
  },
};

/** Behind a header that tells its length. */
function counted(request: Buffer): Buffer | undefined {
  const at = request.indexOf("\r\n\r\n");
  const length = Number(/^Content-length: (\d+)/im.exec(request.toString("latin1", 0, Math.max(0, at)))?.[1]);
  return at >= 0 && request.length >= at + 4 + length ? request.subarray(at + 4) : undefined;
}

/** The content of clamd's chunks, when the empty one is there. */
function readChunks(request: Buffer): Buffer | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; at + 4 <= request.length;) {
    const length = request.readUInt32BE(at);
    if (length === 0) {
      return Buffer.concat(pieces);
    }
    pieces.push(request.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return undefined;
}

/**
 * Starts one.
 * @param faultOf how it fails, asked until it is known; it is given all that came so far, and undefined asks for more
 */
export async function startContentService(
  name: ServiceName,
  faultOf: (request: Buffer, isWhole: boolean) => Fault | undefined,
): Promise<ContentService> {
  const open = new Set<Socket>();
  let asked = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    asked++;
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => undefined);
    serve(protocols[name], socket, faultOf, asked);
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

/** clamd's other command. */
const versionCommand = Buffer.from("zVERSION\0");
/** Of a request that is not complete, what its fault is looked for in; bytes. */
const beginning = 65_536;

function serve(
  protocol: Protocol,
  socket: Socket,
  faultOf: (request: Buffer, isWhole: boolean) => Fault | undefined,
  number: number,
): void {
  const pieces: Buffer[] = [];
  let first = Buffer.alloc(0);
  let over = false;
  const look = (ended: boolean): void => {
    if (first.equals(versionCommand)) {
      over = true;
      socket.end("ClamAV 1.4.6/27000\0");
      return;
    }
    const last = pieces.at(-1) ?? first;
    const mayBeWhole = protocol.end === undefined || last.length < 4 || last.subarray(-4).equals(protocol.end);
    const request = mayBeWhole ? Buffer.concat(pieces) : first;
    const message = mayBeWhole ? protocol.message(request, ended) : undefined;
    const fault = faultOf(request, message !== undefined);
    if (message === undefined && (fault === undefined || waiting.has(fault))) {
      return;
    }
    over = true;
    void perform(fault ?? "none", protocol, socket, protocol.answer(request.includes(condemned)), number);
  };
  socket
    .on("data", (chunk: Buffer) => {
      pieces.push(chunk);
      first = first.length < beginning ? Buffer.concat([first, chunk]) : first;
      if (!over) {
        look(false);
      }
    })
    .on("end", () => {
      if (!over) {
        look(true);
      }
    });
}

/** They show when the message is complete. */
const waiting: ReadonlySet<Fault> = new Set(["none", "slow", "half", "lying"]);

async function perform(
  fault: Fault,
  { lies }: Protocol,
  socket: Socket,
  honest: string,
  number: number,
): Promise<void> {
  switch (fault) {
    case "none":
      socket.end(Buffer.from(honest, "latin1"));
      return;
    case "slow":
      for (const byte of Buffer.from(honest, "latin1")) {
        socket.write(Buffer.from([byte]));
        await delay(0);
      }
      socket.end();
      return;
    case "half":
      socket.end(Buffer.from(honest.slice(0, Math.floor(honest.length / 2)), "latin1"));
      return;
    case "lying":
      socket.end(Buffer.from(lies[number % lies.length] ?? "", "latin1"));
      return;
    case "early":
      socket.write(Buffer.from(honest, "latin1"));
      return;
    case "reset":
      socket.resetAndDestroy();
      return;
    case "closed":
      socket.end();
      return;
    case "hung":
      return;
  }
}
