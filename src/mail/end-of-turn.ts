/**
 * What waits for the end of a turn of the event loop: first what was read in it, then what was written in it, for all
 * sockets one behind the other. Code that runs for one socket is still in the processor's caches for the next; and the
 * first of the writes wakes the process at the other end, the rest find it awake. docs/performance.md has what that
 * saves.
 */
// As in src/hooks/session.ts.
import { performance } from "node:perf_hooks";
import type { Writable } from "node:stream";

/** What holds back what is written to it until somebody lets it go. */
interface Holder {
  uncork(): void;
}

/** What has not yet looked at what it has read. */
interface Reader {
  read(): void;
}

const unread: Reader[] = [];
const held: Holder[] = [];
let isPlanned = false;
/** When the reading began that is going on. */
let began: number | undefined;

function endTurn(): void {
  began = unread.length > 0 ? performance.now() : undefined;
  try {
    for (const each of unread) {
      each.read();
    }
  } finally {
    unread.length = 0;
    began = undefined;
    isPlanned = false;
    held.splice(0).forEach((each) => each.uncork());
  }
}

/**
 * The time by the monotonic clock in ms. While the readers look at what they have read, it is that of the first one: what
 * they read was there by then, and the clock need not be asked for each.
 */
export function timeOfTurn(): number {
  return began ?? performance.now();
}

function plan(): void {
  if (!isPlanned) {
    isPlanned = true;
    setImmediate(endTurn);
  }
}

/** Lets it look when this turn ends; what it writes then leaves in this turn, too. */
export function readAtEndOfTurn(reader: Reader): void {
  plan();
  unread.push(reader);
}

/** Lets it go when this turn ends. */
export function letGoAtEndOfTurn(holder: Holder): void {
  plan();
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
