/** A message as files and programs of this machine want it: lines that end in LF. */

const CR = 13;

/** CRLF as LF. What comes from a client has no CR elsewhere: the relay refuses or replaces it. */
export function withoutReturns(content: Buffer): Buffer {
  let at = content.indexOf(CR);
  if (at < 0) {
    return content;
  }
  const pieces: Buffer[] = [];
  let from = 0;
  for (; at >= 0; at = content.indexOf(CR, from)) {
    pieces.push(content.subarray(from, at));
    from = at + 1;
  }
  pieces.push(content.subarray(from));
  return Buffer.concat(pieces);
}
