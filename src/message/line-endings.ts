/** The line endings of a message's octets, in wire form or not. RFC 5321 2.3.8. */

const CR = 13;
const LF = 10;

/**
 * Whether every LF follows a CR, every CR precedes a LF, and there is no NUL. Four bytes are looked at together. As a
 * text for an expression, which is as quick, messages of many megabytes make V8 double its young generation.
 */
export function isClean(body: Buffer): boolean {
  // Words begin at a multiple of four.
  const head = -body.byteOffset & 3;
  if (body.length <= head) {
    return areClean(body, 0, body.length);
  }
  const words = new Int32Array(body.buffer, body.byteOffset + head, (body.length - head) >> 2);
  if (!areClean(body, 0, head)) {
    return false;
  }
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? 0;
    // The top bit is set of each byte below 14, and perhaps of one above such a byte (a borrow).
    if (((word - 0x0e0e0e0e) & ~word & 0x80808080) !== 0) {
      const at = head + i * 4;
      if (!areClean(body, at, at + 4)) {
        return false;
      }
    }
  }
  return areClean(body, head + words.length * 4, body.length);
}

function areClean(body: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = body[i];
    if (byte === 0 || (byte === LF && body[i - 1] !== CR) || (byte === CR && body[i + 1] !== LF)) {
      return false;
    }
  }
  return true;
}
