/**
 * Replies go to a socket's handle past its stream, which costs more than most replies do. What the system does not take
 * at once waits in the handle, in front of all that the stream writes.
 */
import { Socket } from "node:net";
import { getSystemErrorName } from "node:util";

/** A handle of TCP and a request to write, as far as lib/internal/stream_base_commons.js of Node has to do with them. */
interface Handle {
  readonly writeQueueSize: number;
  writeLatin1String?(request: Request, text: string): number;
}

interface Request {
  oncomplete?: (status: number) => void;
}

/** Nothing of Node's types knows of it. */
interface Inside {
  readonly _handle?: Handle | null;
}

/** The classes of both, by the first text that Node itself writes to such a handle. */
let known: { readonly handle: unknown; readonly request: new () => Request } | undefined;
/** Whether somebody looks for them. */
let isLearning = false;
/** Used again and again: the handle keeps only that of a write that it could not do at once. */
let request: Request | undefined;

/**
 * Writes, if the socket is one of TCP without TLS and nothing waits in its stream.
 * @param text one character an octet
 * @param waiting called once if not all was taken at once; what it returns is called when it is
 * @returns false: nothing was written, the stream must do it
 */
export function writeDirectly(socket: Socket, text: string, waiting: () => () => void): boolean {
  const { _handle: handle } = socket as unknown as Inside;
  if (handle?.writeLatin1String === undefined || socket.writableLength > 0) {
    return false;
  }
  if (known === undefined || handle.constructor !== known.handle) {
    learn(handle);
    return false;
  }
  request ??= new known.request();
  const status = handle.writeLatin1String(request, text);
  if (status !== 0) {
    socket.destroy(writeError(status));
  } else if (handle.writeQueueSize > 0) {
    const done = waiting();
    request.oncomplete = (late): void => {
      done();
      if (late < 0 && !socket.destroyed) {
        socket.destroy(writeError(late));
      }
    };
    request = undefined;
  }
  return true;
}

/** Looks at the next text that Node writes to it. A version of Node that does so in another way stays as it is. */
function learn(handle: Handle): void {
  const { writeLatin1String: write } = handle;
  if (isLearning || handle.constructor.name !== "TCP" || write === undefined) {
    return;
  }
  isLearning = true;
  handle.writeLatin1String = (given, text): number => {
    delete handle.writeLatin1String;
    known = { handle: handle.constructor, request: given.constructor as new () => Request };
    return write.call(handle, given, text);
  };
}

/** As Node makes it. */
function writeError(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: "write" });
}
