/**
 * One buffer into which all sockets of this process read. Node allocates 64 KiB for each read of a socket, unless it was
 * made with `onread`; sockets that a net.Server accepts cannot be. What that option sets is set here afterwards.
 */
import { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/**
 * Takes what a socket has read; the buffer is used again afterwards. One function for all sockets: one that was made and
 * assigned for each would be old at once for V8, and keep what it refers to. @returns false: no more before `resume`
 */
type Take = (this: Socket, length: number, buffer: Buffer) => boolean;

/** A socket and its handle, as far as `onread` has to do with them: lib/net.js of Node, initSocketHandle. */
interface Inside {
  [name: symbol]: unknown;
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
}

/** As much as Node reads at a time. */
const buffer = Buffer.allocUnsafeSlow(65_536);

const symbols = Object.getOwnPropertySymbols(new Socket());
const keyOf = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
/** Where Node has the option. A version that has it elsewhere reads as it does without. */
const keys = { buffer: keyOf("kBuffer"), take: keyOf("kBufferCb") };

/** From now on, what the socket reads comes here and not in its stream. Of TLS nothing is changed. */
export function readIntoOneBuffer(socket: Socket, take: Take): boolean {
  // Nothing of Node's types knows of these.
  const inside = socket as unknown as Inside;
  const { _handle: handle } = inside;
  const isPlain = !(socket instanceof TLSSocket) && socket.readableLength === 0;
  if (!isPlain || typeof handle?.useUserBuffer !== "function" || keys.buffer === undefined || keys.take === undefined) {
    return false;
  }
  inside[keys.buffer] = buffer;
  inside[keys.take] = take;
  handle.useUserBuffer(buffer);
  return true;
}
