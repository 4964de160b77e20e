/**
 * Sends at the end of a turn of the event loop what was written in it, for all sockets one behind the other: the
 * first of these writes wakes the process at the other end, the rest find it awake. docs/performance.md has what a
 * wake-up costs.
 */
import type { Writable } from "node:stream";

/** What holds back what is written to it until somebody lets it go. */
interface Holder {
  uncork(): void;
}

const held: Holder[] = [];

/** Lets it go when this turn ends. */
export function letGoAtEndOfTurn(holder: Holder): void {
  if (held.length === 0) {
    setImmediate(() => held.splice(0).forEach((each) => each.uncork()));
  }
  held.push(holder);
}

/**
 * Holds back what is written to a stream until this turn ends; it leaves in one piece. `end` and `uncork` let go
 * at once, `destroy` throws it away.
 */
export function sendAtEndOfTurn(stream: Writable): void {
  if (stream.writableCorked === 0) {
    stream.cork();
    letGoAtEndOfTurn(stream);
  }
}
