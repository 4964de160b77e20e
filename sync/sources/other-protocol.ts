/** Whether a port speaks TLS where plain LDAP was tried, or the reverse: a second look after a first one failed. */
import { createConnection } from "node:net";
import type { Socket } from "node:net";
import * as tls from "node:tls";

/** Where, and what was spoken there. */
interface Place {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** ms */
const patience = 3000;

/** A search of the root DSE for nothing: RFC 4511 4.5.1, with the attribute "1.1". */
const question = Buffer.from(
  "302a020101632504000a01000a0100020100020101010100870b6f626a656374436c61737330050403312e31",
  "hex",
);

/** What to write in `url` instead; undefined if the scheme is right, or unknown. */
export async function betterScheme(target: Place, signal: AbortSignal): Promise<string | undefined> {
  if (signal.aborted) {
    return undefined;
  }
  if (target.tls) {
    return (await speaksLdap(target))
      ? "this port uses LDAP without TLS: use ldap:// with starttls, or the port of ldaps"
      : undefined;
  }
  return (await speaksTls(target)) ? "this port uses TLS: use ldaps:// without starttls" : undefined;
}

function speaksTls({ host, port }: Place): Promise<boolean> {
  // Nothing is ever sent over it: whose certificate it is plays no part.
  const socket = tls.connect({ host, port, rejectUnauthorized: false });
  return firstSign(socket, (end) => socket.once("secureConnect", () => end(true)));
}

function speaksLdap({ host, port }: Place): Promise<boolean> {
  const socket = createConnection({ host, port });
  return firstSign(socket, (end) => {
    socket.once("connect", () => socket.write(question));
    // Every LDAP message is a SEQUENCE.
    socket.once("data", (bytes) => end(bytes[0] === 0x30));
  });
}

/** The first sign that a socket gives, as `listen` understands it; a socket that fails or is silent gives none. */
function firstSign(socket: Socket, listen: (end: (answer: boolean) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (answer: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), patience);
    socket.on("error", () => end(false)).once("close", () => end(false));
    listen(end);
  });
}
