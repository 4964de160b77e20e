/** A text that another machine hands over by HTTP: bounded, in its time, with a bearer token. */
import { exchange, readAnswer } from "./request.ts";

/** How it may be asked. */
export interface TextAccess {
  /** Bearer token; "" for none. */
  readonly token: string;
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
}

/** ms for all of it. */
const timeout = 60_000;

/**
 * Fetches one, a character an octet.
 * @param most octets that it may have
 * @throws Error if the server cannot be asked or does not hand it over, RangeError if it is too long
 */
export async function fetchText(
  url: string,
  { token, ca }: TextAccess,
  most: number,
  signal: AbortSignal,
): Promise<string> {
  const response = await exchange({
    url: new URL(url),
    method: "GET",
    headers: token === "" ? {} : { authorization: `Bearer ${token}` },
    ca,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
  });
  if (response.statusCode !== 200) {
    throw new Error(`it answered ${response.statusCode ?? 0} ${await readAnswer(response)}`.trimEnd());
  }
  const pieces: Buffer[] = [];
  let size = 0;
  // Without an encoding a stream gives buffers.
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > most) {
      response.destroy();
      throw new RangeError(`more than ${most} octets`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("latin1");
}
